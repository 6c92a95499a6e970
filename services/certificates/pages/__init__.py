"""What certificates shows to people."""
