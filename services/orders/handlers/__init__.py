"""What orders does because of something: a request, a message, a payment provider, or time."""
