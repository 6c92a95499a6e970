"""Any service as it is, in a process whose clock is ahead.

Shifted is what the service takes for the present moment: `datetime.now` where the product asks for it, which is in
`shared.messaging.outbox` (its `clock` gives the times of orders, deadlines, events, pages, certificates, signatures and
leases) and in `shared.messaging.relay` (which leases have ended). Not shifted are the monotonic clock, the time stamps
that Kafka's client puts on records, and the check of tokens of staff. `uvicorn --factory tests.e2e.ahead:create_app`
with SERVICE and AHEAD_SECONDS.
"""

from __future__ import annotations

import importlib
import os
from datetime import datetime, timedelta, tzinfo

from fastapi import FastAPI

MODULES = ("shared.messaging.outbox", "shared.messaging.publisher", "shared.messaging.relay")


class Ahead(datetime):
    """A calendar whose present is in the future."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """Return the present moment and as much as we are ahead."""
        return datetime.now(tz) + timedelta(seconds=float(os.environ["AHEAD_SECONDS"]))


def create_app() -> FastAPI:
    """Return the app of the service, for which it is later than it is."""
    for module in MODULES:
        vars(importlib.import_module(module))["datetime"] = Ahead
    app: FastAPI = importlib.import_module(f"services.{os.environ['SERVICE']}.app").create_app()
    return app
