"""Everything that one service tells another, and the table of topics that follows from it."""
