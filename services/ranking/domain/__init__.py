"""What is true of boards with network, clock and database unplugged."""
