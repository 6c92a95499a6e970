"""An order with its payments: what it is, in which states what may happen, and what is decided of it."""
