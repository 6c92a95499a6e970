"""What is true of credits with network, clock and database unplugged."""
