"""What orders remembers in MongoDB."""
