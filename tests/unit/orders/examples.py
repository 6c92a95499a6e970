"""Orders, footprints and listings that the tests of orders start from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.orders.domain.beneficiary.beneficiary import MANDATE_VERSION
from services.orders.domain.order.claim import FootprintFacts
from services.orders.domain.order.decide import Answer, apply_answer, cancel, expire, make, settle
from services.orders.domain.order.order import Buyer, Decision, Offered, Order, Received, Wish
from services.orders.domain.order.payments import Report, apply_report
from services.orders.domain.order.payments import start as start_payment
from services.orders.domain.order.refunds import refund_made
from shared.contracts.calculator import FootprintCalculated
from shared.contracts.certificates import CertificateIssued
from shared.contracts.registry import (
    Allocation,
    CreditsHeld,
    CreditsRefused,
    CreditsRetired,
    LedgerPlace,
    ProjectListed,
)
from shared.web.auth import hash_of
from shared.web.idempotency import id_of

NOW = datetime(2026, 11, 26, 6, 2, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ORDER = id_of("ord", "a")
PROJECT = id_of("prj", "a")
PAYMENT = id_of("pay", "a")
TOKEN = "T" * 26
LISTING = ProjectListed(
    project_id=PROJECT,
    names={"en": "Linpan groves (demo)"},
    standard="CDCER",
    type="forest_management",
    owner_id="own_groves",
    unit_price_fen=4800,
    currency="CNY",
    listing_version=3,
    status="listed",
)
BUYER = Buyer(id_of("ben", "a"), "person", 1, MANDATE_VERSION)
NOTHING = FootprintFacts({})


def footprint(name: str = "a", **changes: Any) -> FootprintCalculated:
    """The worked example's footprint; its id follows from the name, its token is TOKEN."""
    footprint_id = id_of("fp", name)
    return FootprintCalculated.model_validate(
        {
            "footprint_id": footprint_id,
            "scene_id": id_of("scn", "a"),
            "role": "guest",
            "people": 1,
            "grams": 533_014,
            "low_grams": 390_000,
            "high_grams": 680_000,
            "grams_by_category": {"travel": 533_014},
            "release": "2026.1",
            "jurisdiction": "CN",
            "claim_hash": hash_of("fp", footprint_id, TOKEN),
            "replaces": None,
            "root": footprint_id,
            **changes,
        }
    )


def known(
    *footprints: FootprintCalculated, replaced: tuple[str, ...] = (), covered: tuple[str, ...] = ()
) -> FootprintFacts:
    """What orders has consumed of footprints."""
    return FootprintFacts({one.footprint_id: one for one in footprints}, frozenset(replaced), frozenset(covered))


def offered(*names: str, token: str = TOKEN) -> tuple[Offered, ...]:
    """Footprints as a buyer offers them."""
    return tuple(Offered(one, hash_of("fp", one, token)) for one in (id_of("fp", name) for name in names))


def made(wish: Wish | None = None, knows: FootprintFacts = NOTHING, **changes: Any) -> Decision:
    """Make an order; by mass unless a wish is given."""
    given: dict[str, Any] = {
        "order_id": ORDER,
        "request_hash": "0" * 64,
        "capability_hash": "1" * 64,
        "buyer": BUYER,
        "fee_fen": 200,
        "now": NOW,
        **changes,
    }
    wish = wish or Wish(PROJECT, 3, mass_g=533_014)
    return make(wish, given.pop("listing", LISTING), knows, **given)


def money(amount_fen: int = 2759, currency: str = "CNY", at: datetime = NOW) -> Report:
    """A provider's word that money came."""
    return Report("paid", Received(amount_fen, currency, "ref-1", at))


def paying(order: Order, payment_id: str = PAYMENT, now: datetime = NOW) -> Order:
    """The held order with a payment started."""
    return start_payment(order, payment_id=payment_id, provider="sandbox", request_hash="2" * 64, now=now).order


HELD: Answer = CreditsHeld(order_id=ORDER, project_id=PROJECT, grams=533_014)
HOLD_REFUSED = CreditsRefused(
    order_id=ORDER, project_id=PROJECT, phase="hold", reason="insufficient_stock", available_grams=310_200
)
POST_REFUSED = CreditsRefused(order_id=ORDER, project_id=PROJECT, phase="post", reason="hold_released")
RETIRED = CreditsRetired(
    order_id=ORDER,
    project_id=PROJECT,
    allocations=(
        Allocation(
            batch_id=id_of("bat", "a"),
            from_gram=0,
            to_gram=533_014,
            first_serial="CDCER-CN510100-0042-2021-01-1",
            last_serial="CDCER-CN510100-0042-2021-01-1",
        ),
    ),
    ledger=LedgerPlace(sequence=3, page_hash="3" * 64),
)
CERTIFIED = CertificateIssued(
    certificate_id=id_of("cert", "a"),
    number="DD-2026-004182",
    order_id=ORDER,
    beneficiary_id=BUYER.beneficiary_id,
    beneficiary_kind="person",
    scene_id=None,
    project_id=PROJECT,
    footprint_ids=(),
    grams=533_014,
    issued_at=NOW,
)


def authorisation(amount_fen: int = 2759, currency: str = "CNY", at: datetime = NOW) -> Report:
    """A provider's word that money is set aside."""
    return Report("authorised", Received(amount_fen, currency, "ref-1", at))


def in_every_state() -> dict[str, Order]:
    """An order in each state, brought there by the decisions themselves."""
    waiting = made(Wish(PROJECT, 3, offered=offered("a"))).order
    placed = settle(waiting, known(footprint()), now=NOW).order
    held = paying(apply_answer(placed, HELD, now=NOW).order)
    purchased = apply_report(held, PAYMENT, money(), now=NOW).order
    retired = apply_answer(purchased, RETIRED, now=NOW).order
    refunding = apply_answer(purchased, POST_REFUSED, now=NOW).order
    return {
        "waiting": waiting,
        "placed": placed,
        "held": held,
        "capturing": apply_report(held, PAYMENT, authorisation(), now=NOW).order,
        "purchased": purchased,
        "retired": retired,
        "completed": apply_answer(retired, CERTIFIED, now=NOW).order,
        "refused": apply_answer(placed, HOLD_REFUSED, now=NOW).order,
        "expired": expire(held, now=NOW + 16 * MINUTE).order,
        "cancelled": cancel(held, now=NOW).order,
        "refunding": refunding,
        "refunded": refund_made(refunding, PAYMENT, reference="r", now=NOW).order,
    }
