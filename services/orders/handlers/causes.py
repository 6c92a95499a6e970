"""What causes periodic work: its turn, which has an id as an event or a request has."""

from __future__ import annotations

from datetime import datetime

from shared.contracts.event import Cause
from shared.web.idempotency import id_of


def turn(work: str, now: datetime) -> Cause:
    """Return the turn of this work at this moment."""
    return Cause(id=id_of("per", work, now.isoformat()))
