"""Runs the system: the embedded copy of one machine, the gateway, the topics, the operators' commands."""
