"""Orders speaks to people: its templates and its words."""
