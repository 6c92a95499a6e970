"""Everything that one service publishes to another, and the table of topics that follows from it."""
