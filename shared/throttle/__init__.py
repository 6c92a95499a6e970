"""How often one network may do something in an hour, counted without keeping its address."""
