"""How events travel: reading with retries and dead letters, writing through the outbox; no business noun in here."""
