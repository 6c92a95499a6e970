"""The HTTP side that all five services share; no business noun but the dot, which is a mass."""
