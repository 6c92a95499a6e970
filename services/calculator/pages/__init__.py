"""The calculator speaks to people: its templates, its words, its form."""
