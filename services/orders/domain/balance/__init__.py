"""A balance: what the guests of a scene have left to its organiser."""
