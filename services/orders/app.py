"""Puts orders together."""

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI
from pydantic import AfterValidator, Field, SecretStr

import services.orders as card
from services.orders import api, stream
from services.orders.api.balances import balance_router
from services.orders.api.dependencies import Dependencies
from services.orders.api.payments import payment_router
from services.orders.api.people import page_router
from services.orders.api.profiles import profile_router
from services.orders.api.programs import api_router
from services.orders.api.quotes import quote_router
from services.orders.handlers.balances import Balances
from services.orders.handlers.orders import Handlers
from services.orders.handlers.payables import count_payables
from services.orders.handlers.payments import Payments
from services.orders.handlers.sandbox import Sandbox
from services.orders.store.store import Store
from shared import settings as shared_settings
from shared.contracts.orders import BeneficiaryNamed
from shared.messaging import outbox
from shared.messaging.service import Messaging
from shared.settings import Origin, load
from shared.web.app import create, database
from shared.web.document import recorded_of
from shared.web.pages import Pages
from shared.web.periodic import Periodic

SWEEP_SECONDS = 1
LOOK_AGAIN_SECONDS = 5
BALANCE_SECONDS = 1
PAYABLES_SECONDS = 1
REFUND_SECONDS = 1
POLL_SECONDS = 1
WATCH_SECONDS = 30
FEE_FEN_MAX = 100_000


def _takes_no_money(livemode: bool) -> bool:  # noqa: FBT001 -- Pydantic calls it
    if livemode:
        raise ValueError("the only payment provider so far is the sandbox, which takes no money")
    return livemode


class Settings(shared_settings.Settings):
    """The settings of orders beside those of every service."""

    livemode: Annotated[bool, AfterValidator(_takes_no_money)] = Field(default=False, description="false")
    fee_fen: int = Field(200, ge=0, le=FEE_FEN_MAX, description=f"whole fen, 0 to {FEE_FEN_MAX}")
    sandbox_url: Origin = Field("http://127.0.0.1:8086", description="http(s)://host or http(s)://host:port, no more")
    # Shared with the sandbox. By default one that nobody else has: then neither believes the other.
    sandbox_key: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_urlsafe(32)),
        min_length=16,
        description="at least 16 random characters, the same as the sandbox's",
    )


def create_app(settings: Settings | None = None, *, clock: Callable[[], datetime] = outbox.clock) -> FastAPI:
    """Return the app of orders; nothing runs before its lifespan begins."""
    settings = settings or load(Settings)
    mongodb = database(settings)
    messaging = Messaging(settings, service="orders", database=mongodb)
    store = Store(mongodb, livemode=settings.livemode, wake=messaging.wake)
    provider = Sandbox(settings.sandbox_url, settings.sandbox_key.get_secret_value(), clock)
    handlers = Handlers(store, clock, fee_fen=settings.fee_fen)
    balances = Balances(store, handlers, clock)
    payments = Payments(store, provider, clock)
    pages = Pages(Path(__file__).parent / "pages", service="orders", livemode=settings.livemode)
    deps = Dependencies(settings, store, handlers, balances, payments, provider, pages, clock, fee_fen=settings.fee_fen)
    messaging.consume(stream.consumes(handlers))
    messaging.publish(*store.sources)
    messaging.heartbeat(BeneficiaryNamed)
    return create(
        settings,
        service="orders",
        description=card.__doc__ or "",
        routers=[
            quote_router(deps),
            api_router(deps),
            payment_router(deps),
            profile_router(deps),
            balance_router(deps),
            page_router(deps),
        ],
        access=api.ACCESS,
        examples=recorded_of(api.__name__),
        statuses=api.STATUSES,
        store=store,
        pages=pages,
        hashes={"ord": store.order_hash, "ben": store.profile_hash},
        parts=[
            messaging,
            provider,
            Periodic("deadlines", handlers.sweep, seconds=SWEEP_SECONDS),
            Periodic("forgotten orders", handlers.look_again, seconds=LOOK_AGAIN_SECONDS),
            Periodic("balances", balances.catch_up, seconds=BALANCE_SECONDS),
            Periodic("payables", partial(count_payables, store), seconds=PAYABLES_SECONDS),
            Periodic("refunds", payments.give_back, seconds=REFUND_SECONDS),
            Periodic("look-ups", payments.poll, seconds=POLL_SECONDS),
            Periodic("alarm", handlers.watch, seconds=WATCH_SECONDS),
        ],
    )
