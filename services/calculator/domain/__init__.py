"""What is true of footprints with network, clock and database unplugged."""
