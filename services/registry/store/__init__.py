"""What the registry remembers in MongoDB: pages of the ledger, and the last recount of them."""
