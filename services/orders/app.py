"""Puts orders together."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI

import services.orders as card
from services.orders import api, stream
from services.orders.handlers import Balances, Handlers, Payments, Sandbox
from services.orders.store import Store
from shared import settings as shared_settings
from shared.contracts import BeneficiaryNamed
from shared.messaging import outbox
from shared.messaging.service import Messaging
from shared.web.app import create, database
from shared.web.pages import Pages
from shared.web.periodic import Periodic

SWEEP_SECONDS = 1
LOOK_AGAIN_SECONDS = 5
BALANCE_SECONDS = 1
REFUND_SECONDS = 1
ASK_SECONDS = 1
WATCH_SECONDS = 30


class Settings(shared_settings.Settings):
    """What orders is told beside what every service is."""

    fee_fen: int = 200
    # Where the sandbox sends its notices: this service as the provider sees it; by default, through the gateway.
    sandbox_notice_url: str = ""


def create_app(settings: Settings | None = None, *, clock: Callable[[], datetime] = outbox.clock) -> FastAPI:
    """Return the app of orders; nothing runs before its lifespan begins.

    Raises RuntimeError in live mode: the sandbox, which takes no money, is the only payment provider so far.
    """
    settings = settings or Settings()
    if settings.livemode:
        raise RuntimeError("LIVEMODE needs a payment provider that takes money; the sandbox does not.")
    messaging = Messaging(settings, service="orders")
    store = Store(database(settings), livemode=settings.livemode, wake=messaging.wake)
    sandbox = Sandbox(
        store.sandbox,
        clock,
        secret=settings.secret.get_secret_value(),
        notice_url=settings.sandbox_notice_url or settings.public_url + api.SANDBOX_NOTICES,
    )
    handlers = Handlers(store, clock, fee_fen=settings.fee_fen)
    balances = Balances(store, handlers, clock)
    payments = Payments(store, sandbox, clock)
    pages = Pages(Path(__file__).parent / "pages", service="orders", livemode=settings.livemode)
    served = api.Served(settings, store, handlers, balances, payments, sandbox, pages, clock, fee_fen=settings.fee_fen)
    messaging.hears(stream.hears(handlers))
    messaging.publishes(*store.sources)
    messaging.beats(BeneficiaryNamed)
    return create(
        settings,
        service="orders",
        description=card.__doc__ or "",
        routers=[
            api.api_router(served),
            api.payment_router(served),
            api.profile_router(served),
            api.balance_router(served),
            api.page_router(served),
        ],
        access=api.ACCESS,
        statuses=api.STATUSES,
        store=store,
        pages=pages,
        hashes={"ord": store.order_hash, "ben": store.profile_hash},
        parts=[
            messaging,
            sandbox,
            Periodic("deadlines", handlers.sweep, seconds=SWEEP_SECONDS),
            Periodic("forgotten orders", handlers.look_again, seconds=LOOK_AGAIN_SECONDS),
            Periodic("balances", balances.catch_up, seconds=BALANCE_SECONDS),
            Periodic("refunds", payments.give_back, seconds=REFUND_SECONDS),
            Periodic("look-ups", payments.ask, seconds=ASK_SECONDS),
            Periodic("alarm", handlers.watch, seconds=WATCH_SECONDS),
        ],
    )
