"""Puts certificates together."""

import json
from typing import Annotated

from fastapi import FastAPI
from pydantic import BeforeValidator, Field

import services.certificates as card
from services.certificates import api, stream
from services.certificates.api.people import page_router
from services.certificates.api.programs import api_router
from services.certificates.api.sheet import FORGET_SECONDS, Sheets
from services.certificates.domain.certificate import by_language
from services.certificates.domain.decide import Issuer
from services.certificates.handlers import Handlers
from services.certificates.pages import FOLDER
from services.certificates.pages.print import Printer
from services.certificates.store import Store
from shared import settings as shared_settings
from shared.contracts.printable import PrintableNames
from shared.messaging.outbox import clock
from shared.messaging.service import Messaging
from shared.settings import load
from shared.web.app import create, database
from shared.web.document import recorded_of
from shared.web.pages import Pages
from shared.web.periodic import Periodic

ISSUER = {
    "en": "Chengdu Environment Exchange (demo)",
    "zh": "成都环境交易所（示例）",
    "hi": "चेंगदू पर्यावरण एक्सचेंज (डेमो)",
}


def _decoded(value: object) -> object:
    """Read a variable of the environment: JSON by language, or a plain text."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


class Settings(shared_settings.Settings):
    """The settings of certificates, beside those of every service."""

    # Who stands on the sheet as its issuer, by language.
    certificate_issuer: Annotated[PrintableNames, BeforeValidator(by_language), BeforeValidator(_decoded)] = Field(
        ISSUER, description='a name that the fonts can print, or JSON by language: {"en": "…", "zh": "…", "hi": "…"}'
    )
    # From one network in an hour. A hall of guests who mistype is one network too: it stands against machines.
    unknown_codes_per_address_max: int = Field(300, ge=1, le=1_000_000_000, description="a whole number from 1 on")


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the app of certificates; nothing runs before its lifespan begins."""
    settings = settings or load(Settings)
    mongodb = database(settings)
    messaging = Messaging(settings, service="certificates", database=mongodb)
    store = Store(mongodb, livemode=settings.livemode, wake=messaging.wake)
    issuer = Issuer(names=settings.certificate_issuer, secret=settings.secret.get_secret_value())
    sheets = Sheets(Printer(), public_url=settings.public_url, livemode=settings.livemode)
    handlers = Handlers(
        store,
        clock,
        issuer,
        unknown_codes_max=settings.unknown_codes_per_address_max,
        forget_prints=sheets.forget,
    )
    pages = Pages(FOLDER, service="certificates", livemode=settings.livemode)
    messaging.consume(stream.consumes(handlers))
    messaging.publish(store.outbox)
    return create(
        settings,
        service="certificates",
        description=card.__doc__ or "",
        routers=[
            api_router(handlers, clock=clock, public_url=settings.public_url, livemode=settings.livemode),
            page_router(handlers, sheets, pages, clock=clock),
        ],
        access=api.ACCESS,
        examples=recorded_of(api.__name__),
        statuses=api.STATUSES,
        store=store,
        pages=pages,
        hashes={"ord": handlers.order_hash},
        parts=[messaging, Periodic("prints forgotten", sheets.forget, seconds=FORGET_SECONDS)],
    )
