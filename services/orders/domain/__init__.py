"""What is true of orders, money and names with network, clock and database unplugged."""
