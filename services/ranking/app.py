"""Puts ranking together."""

from pathlib import Path

from fastapi import FastAPI

import services.ranking as card
from services.ranking import api, stream
from services.ranking.handlers import Handlers
from services.ranking.store import Store
from shared.messaging.outbox import clock
from shared.settings import Settings
from shared.web.app import create, database
from shared.web.pages import Pages


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return ranking's app; nothing runs before its lifespan begins."""
    settings = settings or Settings()
    handlers = Handlers()
    pages = Pages(Path(__file__).parent / "pages", service="ranking", livemode=settings.livemode)
    cursors = api.Cursors(settings.secret.get_secret_value())
    return create(
        settings,
        service="ranking",
        description=card.__doc__ or "",
        routers=[
            api.api_router(handlers, clock, cursors, livemode=settings.livemode),
            # Before the boards, for its address would be one of theirs.
            api.wall_router(handlers, clock, pages, public_url=settings.public_url),
            api.page_router(handlers, clock, cursors, pages),
        ],
        access=api.ACCESS,
        statuses=api.STATUSES,
        store=Store(database(settings)),
        pages=pages,
        parts=[stream.Reader(settings, stream.hears(handlers), handlers)],
    )
