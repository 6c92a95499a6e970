"""What the registry does because of something: writes pages of the ledger, and recounts them."""
