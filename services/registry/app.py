"""Puts the registry together."""

import gc
from pathlib import Path

from fastapi import FastAPI

import services.registry as card
from services.registry import api, stream
from services.registry.api.people import page_router
from services.registry.api.programs import api_router
from services.registry.api.reserves import reserves_router
from services.registry.handlers.ledger import Handlers
from services.registry.handlers.recount import Recounter
from services.registry.store.store import Store
from shared.messaging.outbox import clock
from shared.messaging.service import Messaging
from shared.settings import Settings, load
from shared.web.app import create, database
from shared.web.document import recorded_of
from shared.web.pages import Pages
from shared.web.periodic import Periodic

RECOUNT_SECONDS = 10
# A poll makes some ten thousand values that live until its page is written. With the interpreter's usual 700 they are
# looked through for cycles again and again, which takes a third of the time.
VALUES_BETWEEN_COLLECTIONS = 20_000


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the registry's app; nothing runs before its lifespan begins."""
    settings = settings or load(Settings)
    gc.set_threshold(VALUES_BETWEEN_COLLECTIONS)
    mongodb = database(settings)
    messaging = Messaging(settings, service="registry", database=mongodb)
    store = Store(mongodb, livemode=settings.livemode, wake=messaging.wake)
    store.recounts.lease.owner = settings.replica
    handlers, recounter = Handlers(store, clock), Recounter(store, clock)
    pages = Pages(Path(__file__).parent / "pages", service="registry", livemode=settings.livemode)
    messaging.consume(stream.consumes(handlers))
    messaging.publish(store.source)
    return create(
        settings,
        service="registry",
        description=card.__doc__ or "",
        routers=[
            api_router(store, handlers, livemode=settings.livemode),
            reserves_router(store, livemode=settings.livemode),
            page_router(store, pages, livemode=settings.livemode),
        ],
        access=api.ACCESS,
        examples=recorded_of(api.__name__),
        statuses=api.STATUSES,
        store=store,
        pages=pages,
        parts=[messaging, Periodic("recount", recounter.recount, seconds=RECOUNT_SECONDS)],
    )
