"""What causes periodic work: each run has an id, as an event or a request has."""

from __future__ import annotations

from datetime import datetime

from shared.contracts.event import Cause
from shared.web.idempotency import id_of


def periodic(work: str, now: datetime) -> Cause:
    """Return the run of this work at this moment as a cause."""
    return Cause(id=id_of("per", work, now.isoformat()))
