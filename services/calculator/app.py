"""Puts the calculator together."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI
from pydantic import Field

import services.calculator as card
from services.calculator import api, stream
from services.calculator.api.forms import form_router
from services.calculator.api.organisers import organiser_router
from services.calculator.api.people import page_router
from services.calculator.api.programs import api_router
from services.calculator.factors import LATEST, load_release
from services.calculator.handlers import Handlers
from services.calculator.store.store import Store
from shared import settings as shared_settings
from shared.messaging import outbox
from shared.messaging.service import Messaging
from shared.settings import load
from shared.web.app import create, database
from shared.web.document import recorded_of
from shared.web.pages import Pages
from shared.web.periodic import Periodic

# How long figures of scenes may lag behind their footprints.
FIGURES_SECONDS = 1


class Settings(shared_settings.Settings):
    """The calculator's settings beside those of every service."""

    # For one scene in an hour. All guests of a venue's network come from one address, so it is no small number: it
    # stands against machines, not against crowds.
    footprints_per_address_max: int = Field(2_000, ge=1, le=1_000_000_000, description="a whole number from 1 on")


def create_app(settings: Settings | None = None, *, clock: Callable[[], datetime] = outbox.clock) -> FastAPI:
    """Return the calculator's app; nothing runs before its lifespan begins. Raises ReleaseAltered."""
    settings = settings or load(Settings)
    mongodb = database(settings)
    messaging = Messaging(settings, service="calculator", database=mongodb)
    store = Store(mongodb, livemode=settings.livemode, wake=messaging.wake)
    secret, secure = settings.secret.get_secret_value(), settings.public_url.startswith("https")
    handlers = Handlers(
        store,
        clock,
        load_release,
        LATEST,
        secret=secret,
        footprints_per_address_max=settings.footprints_per_address_max,
    )
    pages = Pages(Path(__file__).parent / "pages", service="calculator", livemode=settings.livemode)
    load_release(LATEST)
    messaging.consume(stream.consumes(handlers))
    messaging.publish(*store.outboxes)
    return create(
        settings,
        service="calculator",
        description=card.__doc__ or "",
        routers=[
            api_router(store, handlers, secret=secret, livemode=settings.livemode),
            organiser_router(store, handlers, secret=secret, livemode=settings.livemode),
            page_router(store, handlers, pages, public_url=settings.public_url),
            form_router(store, handlers, pages, secret=secret, secure=secure),
        ],
        access=api.ACCESS,
        examples=recorded_of(api.__name__),
        statuses=api.STATUSES,
        store=store,
        pages=pages,
        hashes={"fp": store.claim_hash},
        parts=[messaging, Periodic("figures of scenes", handlers.project_figures, seconds=FIGURES_SECONDS)],
    )
