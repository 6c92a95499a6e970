"""What is true of certificates with network, clock and database unplugged."""
