"""The life of an order as one table: in which state what may happen, where it leads, and which event it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Literal, get_args

from shared.contracts.event import Event
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.refusal import Refusal
from shared.sentence import Sentence

State = Literal[
    "waiting",
    "placed",
    "held",
    "capturing",
    "purchased",
    "retired",
    "completed",
    "refused",
    "expired",
    "cancelled",
    "refunding",
    "refunded",
]
Happening = Literal[
    "claim_awaited",
    "claim_fits",
    "claim_refused",
    "credits_held",
    "hold_refused",
    "payment_started",
    "authorised",
    "capture_refused",
    "paid",
    "credits_retired",
    "post_refused",
    "certificate_issued",
    "refund_made",
    "cancel",
    "time_up",
]
STATES: tuple[State, ...] = get_args(State)
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)

WAITING = timedelta(minutes=10)
PLACED = timedelta(minutes=15)
HELD = timedelta(minutes=15)


class DoesNotFit(Refusal):
    """The order is in a state in which this cannot be done; `state` names it (409)."""

    code = "order_state"


@dataclass(frozen=True)
class Step:
    """Where a happening leads: the next state, its event, and how long the order may stay there.

    Without `lasts` a deadline that is set stays as it is. A step to the same state notes a fact and nothing more.
    """

    to: State
    event: type[Event] | None = None
    lasts: timedelta | None = None


BEGINNING: Mapping[Happening, Step] = {
    "claim_awaited": Step("waiting", lasts=WAITING),
    "claim_fits": Step("placed", OrderPlaced, PLACED),
}
TABLE: Mapping[State, Mapping[Happening, Step]] = {
    "waiting": {
        "claim_fits": Step("placed", OrderPlaced, PLACED),
        "claim_refused": Step("refused"),
        "cancel": Step("cancelled"),
        "time_up": Step("expired"),
    },
    "placed": {
        "credits_held": Step("held", lasts=HELD),
        "hold_refused": Step("refused"),
        "cancel": Step("cancelled", OrderClosed),
        "time_up": Step("expired", OrderClosed),
    },
    "held": {
        "payment_started": Step("held"),
        "authorised": Step("capturing"),
        "paid": Step("purchased", OffsetPurchased),
        "cancel": Step("cancelled", OrderClosed),
        "time_up": Step("expired", OrderClosed),
    },
    # The point of no return: neither time nor the buyer ends it. After a no the old deadline still stands, and the
    # sweeper ends the order if it has passed meanwhile.
    "capturing": {
        "paid": Step("purchased", OffsetPurchased),
        "capture_refused": Step("held"),
    },
    "purchased": {
        "credits_retired": Step("retired"),
        "certificate_issued": Step("purchased"),
        "post_refused": Step("refunding"),
    },
    "retired": {"certificate_issued": Step("completed")},
    "refunding": {"refund_made": Step("refunded", OrderClosed)},
    "completed": {},
    "refused": {},
    "expired": {},
    "cancelled": {},
    "refunded": {},
}

STATE_NAMES: dict[State, Sentence] = {
    "waiting": Sentence("waiting"),
    "placed": Sentence("placed"),
    "held": Sentence("held"),
    "capturing": Sentence("capturing"),
    "purchased": Sentence("purchased"),
    "retired": Sentence("retired"),
    "completed": Sentence("completed"),
    "refused": Sentence("refused"),
    "expired": Sentence("expired"),
    "cancelled": Sentence("cancelled"),
    "refunding": Sentence("refunding"),
    "refunded": Sentence("refunded"),
}
FINAL: frozenset[State] = frozenset(state for state, steps in TABLE.items() if not steps)
ENDED: frozenset[State] = frozenset({"refused", "expired", "cancelled", "refunded"})
TIMED: frozenset[State] = frozenset(state for state, steps in TABLE.items() if "time_up" in steps)
# From placed on a live order covers its footprints; a waiting one does not know yet whether it may.
COVERING: frozenset[State] = frozenset(STATES) - ENDED - {"waiting"}
RETIRED: frozenset[State] = frozenset({"retired", "completed"})


def fits(state: State, happening: Happening) -> bool:
    """Say whether this may happen to an order in the state."""
    return happening in TABLE[state]


def step(state: State, happening: Happening) -> Step:
    """Return where the happening leads. Raises DoesNotFit, which names the state."""
    if not fits(state, happening):
        where = [STATE_NAMES[named] for named in STATES if fits(named, happening)] or [Sentence("another one")]
        only = reduce(lambda one, other: Sentence("{one} or {other}", one=one, other=other), where)
        detail = Sentence(
            "The order is {state}; this can be done only while it is {where}.", state=STATE_NAMES[state], where=only
        )
        raise DoesNotFit(detail, state=state)
    return TABLE[state][happening]
