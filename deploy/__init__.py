"""Runs the system: the embedded copy of one machine, the gateway, the topics, the operators' commands."""

# What is said to those who run it: by this checkout, or on one server.
IS_IT_UP = "Is it up? `make up` starts it, on one server `docker compose up -d`."
SEE_LOGS = "See `make logs`, on one server `docker compose logs`."
