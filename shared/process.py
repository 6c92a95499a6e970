"""How a process ends that may not go on: its reason in the log, what is under way finished, and never with 0."""

import atexit
import os
import signal

import structlog

log = structlog.get_logger()


def end(reason: str) -> None:
    """Log why, and end this process as a SIGTERM would."""
    log.critical("refusing to run", reason=reason)
    # The first process of a container is not killed by the signal that ends its server: it would return 0.
    atexit.register(os._exit, 1)
    os.kill(os.getpid(), signal.SIGTERM)
