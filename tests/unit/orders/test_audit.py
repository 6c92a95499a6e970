"""The audit of orders sees what is wrong with roots, grams and balances, and nothing where all is well."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from deploy.audit.books import Books, Message
from deploy.audit.orders import check_orders
from services.orders.domain.balance import balance
from services.orders.domain.balance.balance import Chain
from services.orders.domain.order.order import Wish
from services.orders.store.documents import order_document
from shared.contracts.calculator import FootprintCalculated
from shared.web.idempotency import id_of
from tests.unit.orders.examples import LISTING, PROJECT, footprint, known, made, offered

A, B, C = (id_of("fp", name) for name in "abc")
Document = dict[str, Any]


def message_of(event: FootprintCalculated) -> Message:
    body = event.model_dump_json().encode()
    return Message("footprint.calculated", f"{event.footprint_id}.1", "calculator", event.footprint_id, 1, body)


def chain(*footprints: FootprintCalculated, covering: str | None = None) -> Document:
    counted = balance.chain(footprints, covering, None)
    return {"_id": counted.root, **{name: getattr(counted, name) for name in Chain.__dataclass_fields__}}


def books() -> Books:
    """Three footprints of a scene: one covered, one replaced by another, one of no scene."""
    covered, old, new = footprint("a"), footprint("b"), footprint("c", root=B, replaces=B, grams=7)
    wish = Wish(PROJECT, LISTING.listing_version, offered=offered("a"))
    order = order_document(made(wish, known(covered)).order)
    chains = [chain(covered, covering=A), chain(old, new)]
    return Books(
        collections={("orders", "orders"): [order], ("orders", "chains"): chains},
        messages=[message_of(one) for one in (covered, old, new, footprint("life", scene_id=None))],
    )


def broken(changed: Books) -> set[str]:
    wanted = ("O2", "D15")
    return {one.invariant for one in check_orders(changed) if not one.holds and one.invariant.startswith(wanted)}


def twice(one: Books) -> None:
    one.orders.append({**one.orders[0], "_id": id_of("ord", "b")})


def unkept(one: Books) -> None:
    one.orders[0]["live"] = False


def ended(one: Books) -> None:
    one.orders[0]["state"] = "cancelled"


def heavier(one: Books) -> None:
    one.orders[0]["priced"]["grams"] += 1


def of(number: int, **changes: Any) -> Callable[[Books], None]:
    return lambda one: one.of("orders", "chains")[number].update(changes)


def missing(one: Books) -> None:
    one.of("orders", "chains").pop()


def invented(one: Books) -> None:
    one.of("orders", "chains").append(chain(footprint("x")))


def test_what_is_well_is_found_well() -> None:
    assert broken(books()) == set()
    assert json.loads(books().messages[0].value)["footprint_id"] == A


@pytest.mark.parametrize(
    ("breaks", "invariants"),
    [
        (twice, {"O2"}),
        (unkept, {"O2"}),
        (ended, {"O2", "D15 balance"}),
        (heavier, {"O2 grams"}),
        (of(0, standing="left"), {"D15 balance"}),
        (of(0, standing="struck"), {"D15 balance"}),
        (of(1, standing="covered"), {"D15 balance"}),
        (of(1, footprint_id=B), {"D15 balance"}),
        (of(1, grams=8), {"D15 balance"}),
        (of(1, role="organiser"), {"D15 balance"}),
        (missing, {"D15 balance"}),
        (invented, {"D15 balance"}),
    ],
)
def test_what_is_wrong_is_found(breaks: Callable[[Books], None], invariants: set[str]) -> None:
    changed = books()
    breaks(changed)
    assert broken(changed) == invariants


def test_an_order_that_has_just_ended_is_not_held_against_the_balance() -> None:
    changed = books()
    changed.orders[0] |= {"state": "cancelled", "live": False, "uncounted": True}
    assert broken(changed) == set()


def test_what_is_struck_is_not_covered() -> None:
    changed = books()
    of(1, standing="struck")(changed)
    assert broken(changed) == set()
