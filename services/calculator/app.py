"""Puts the calculator together."""

from pathlib import Path

from fastapi import FastAPI

import services.calculator as card
from services.calculator import api, stream
from services.calculator.factors import LATEST, load_release
from services.calculator.handlers import Handlers
from services.calculator.store import Store
from shared.messaging.outbox import clock
from shared.messaging.service import Messaging
from shared.settings import Settings
from shared.web.app import create, database
from shared.web.pages import Pages


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the calculator's app; nothing runs before its lifespan begins. Raises ReleaseAltered."""
    settings = settings or Settings()
    messaging = Messaging(settings, service="calculator")
    store = Store(database(settings), livemode=settings.livemode, wake=messaging.wake)
    handlers = Handlers(store, clock, load_release, LATEST)
    pages = Pages(Path(__file__).parent / "pages", service="calculator", livemode=settings.livemode)
    load_release(LATEST)
    messaging.hears(stream.hears(handlers))
    messaging.publishes(*store.outboxes)
    secret, secure = settings.secret.get_secret_value(), settings.public_url.startswith("https")
    return create(
        settings,
        service="calculator",
        description=card.__doc__ or "",
        routers=[
            api.api_router(store, handlers, secret=secret, livemode=settings.livemode),
            api.page_router(store, handlers, pages, secret=secret, secure=secure),
        ],
        access=api.ACCESS,
        statuses=api.STATUSES,
        store=store,
        pages=pages,
        hashes={"fp": store.claim_hash},
        parts=[messaging],
    )
