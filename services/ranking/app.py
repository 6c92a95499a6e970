"""Puts ranking together."""

import gc
import hashlib
from pathlib import Path

from fastapi import FastAPI

import services.ranking as card
from services.ranking import api, stream
from services.ranking.api.cursors import Cursors
from services.ranking.api.pages import page_router
from services.ranking.api.programs import api_router
from services.ranking.api.staff import staff_router
from services.ranking.api.wall import wall_router
from services.ranking.handlers import Handlers
from services.ranking.store import Store
from services.ranking.stream.reader import Reader
from services.ranking.stream.upkeep import Upkeep
from shared import contracts
from shared.messaging.outbox import clock
from shared.messaging.replica import Replica
from shared.settings import Settings, load
from shared.web.app import create, database
from shared.web.document import recorded_of
from shared.web.pages import Pages
from shared.web.periodic import Periodic

LOOK_SECONDS = 2.0
# Boards are millions of small objects that stay. At Python's own pace the garbage collector would look through them for
# a third of the time of a fold, and find nothing.
COLLECTED_AFTER = (50_000, 20, 100)
FOLDER = Path(__file__).parent


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return ranking's app; nothing runs before its lifespan begins."""
    settings = settings or load(Settings)
    gc.set_threshold(*COLLECTED_AFTER)
    mongodb = database(settings)
    store = Store(mongodb)
    handlers = Handlers(store, clock, code=_code(), replica=settings.replica)
    reader = Reader(settings, stream.consumes(handlers), handlers, Replica(mongodb, settings.replica))
    upkeep = Upkeep(settings, reader, handlers)
    pages = Pages(FOLDER / "pages", service="ranking", livemode=settings.livemode)
    cursors = Cursors(settings.secret.get_secret_value())
    return create(
        settings,
        service="ranking",
        description=card.__doc__ or "",
        routers=[
            api_router(handlers, clock, cursors, livemode=settings.livemode),
            # Before the boards, for their addresses would be some of theirs.
            staff_router(handlers, livemode=settings.livemode),
            wall_router(handlers, clock, pages, public_url=settings.public_url),
            page_router(handlers, clock, cursors, pages),
        ],
        access=api.ACCESS,
        examples=recorded_of(api.__name__),
        statuses=api.STATUSES,
        store=store,
        pages=pages,
        parts=[
            reader,
            Periodic("rebuilds acknowledged", upkeep.acknowledge, seconds=LOOK_SECONDS),
            Periodic("upkeep of boards", upkeep.work, seconds=LOOK_SECONDS),
        ],
    )


def _code() -> str:
    """Name the code that folds: what was folded by other code is folded again, so a fix needs nothing else."""
    digest = hashlib.sha256()
    for folder in (FOLDER, Path(contracts.__file__).parent):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
