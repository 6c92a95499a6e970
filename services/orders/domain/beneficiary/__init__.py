"""A beneficiary: for whom credits are cancelled, how it is called and shown."""
