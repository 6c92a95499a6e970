"""What all five services share and no business noun belongs to, but for the contracts."""
