"""What an order is: its wish, its frozen price, its payments with their refunds, and what has happened to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.orders.domain.order.machine import COVERING, FINAL, TIMED, State
from shared.contracts.event import Event
from shared.contracts.orders import BeneficiaryKind, ClaimedFootprint
from shared.contracts.registry import Allocation, ProjectListed

PaymentState = Literal["started", "capturing", "voiding", "declined", "lapsed", "refused", "voided", "paid"]
RefundState = Literal["requested", "made", "failed", "settled_outside"]
# Why money is not the order's: what was captured is refunded, what was only authorised is voided.
NotOurs = Literal["late", "second", "wrong_amount", "wrong_currency"]
RefundReason = Literal[NotOurs, "credits_refused"]


@dataclass(frozen=True)
class Offered:
    """A footprint that the buyer wants to neutralise, and the hash of the token shown for it, never the token.

    None where the organiser of its scene takes it from the balance: that right needs no token.
    """

    footprint_id: str
    token_hash: str | None


@dataclass(frozen=True)
class Wish:
    """What a buyer wants: footprints, or a mass, or what an amount of money buys; one of the three."""

    project_id: str
    seen_version: int
    offered: tuple[Offered, ...] = ()
    mass_g: int | None = None
    money_fen: int | None = None
    country: str = "CN"

    @property
    def footprint_ids(self) -> tuple[str, ...]:
        """The footprints that it names."""
        return tuple(one.footprint_id for one in self.offered)


@dataclass(frozen=True)
class Buyer:
    """For whom an order is: the beneficiary as named when the order was made, and the mandate given with it."""

    beneficiary_id: str
    kind: BeneficiaryKind
    name_sequence: int
    mandate_version: str


@dataclass(frozen=True)
class Priced:
    """What is bought, once all that the wish names has arrived; it never changes."""

    grams: int
    subtotal_fen: int
    jurisdiction: str
    scene_id: str | None = None
    footprints: tuple[ClaimedFootprint, ...] = ()


@dataclass(frozen=True)
class Settlement:
    """Staff's word that money went back by another way: the request that gave it, and the subject who sent that."""

    request_id: str
    request_hash: str
    by: str


@dataclass(frozen=True)
class Refund:
    """Money on its way back, always in full.

    `sent_at` is set while a request is at the provider without an answer; `tried_at` is when it last answered.
    """

    state: RefundState
    why: RefundReason
    requested_at: datetime
    attempts: int = 0
    tried_at: datetime | None = None
    reference: str = ""
    sent_at: datetime | None = None
    settlement: Settlement | None = None

    @property
    def is_open(self) -> bool:
        """Whether the money has not gone back yet."""
        return self.state in {"requested", "failed"}

    @property
    def changed_at(self) -> datetime:
        """When it came into its state."""
        return self.tried_at or self.requested_at


@dataclass(frozen=True)
class Received:
    """The money that came for a payment, or is authorised for it, as the provider reports it."""

    amount_fen: int
    currency: str
    reference: str
    at: datetime


@dataclass(frozen=True)
class Payment:
    """One attempt to pay an order in full; `credited` when it is the one that bought the credits.

    `provider` is the method that the buyer chose. `authorised` is what was set aside, `received` what was captured;
    `void_why` is why an authorisation is voided. `sent_at` is when a request about it was last sent to the provider,
    and `attempts` how often, for what is under way.
    """

    payment_id: str
    provider: str
    request_hash: str
    started_at: datetime
    state: PaymentState = "started"
    received: Received | None = None
    credited: bool = False
    refund: Refund | None = None
    sent_at: datetime | None = None
    authorised: Received | None = None
    void_why: NotOurs | None = None
    attempts: int = 0


@dataclass(frozen=True)
class Refused:
    """Why an order was refused, with what the registry added to its reason."""

    reason: str
    available_grams: int | None = None
    unit_price_fen: int | None = None
    listing_version: int | None = None


@dataclass(frozen=True)
class Certified:
    """The certificate that came of the order."""

    certificate_id: str
    number: str


@dataclass(frozen=True)
class Passed:
    """A state that the order came into, and when."""

    state: State
    at: datetime


@dataclass(frozen=True)
class Order:
    """An order. `listing` is the project as it stood at creation: from it come the price, its version and the owner."""

    order_id: str
    request_hash: str
    capability_hash: str
    wish: Wish
    listing: ProjectListed
    fee_fen: int
    buyer: Buyer
    created_at: datetime
    state: State = "waiting"
    deadline: datetime | None = None
    priced: Priced | None = None
    payments: tuple[Payment, ...] = ()
    refused: Refused | None = None
    allocations: tuple[Allocation, ...] = ()
    certified: Certified | None = None
    history: tuple[Passed, ...] = ()

    @property
    def grams(self) -> int | None:
        """The mass bought, none while that is open."""
        return self.priced.grams if self.priced else None

    @property
    def subtotal_fen(self) -> int | None:
        """What goes to the project's owner, none while that is open."""
        return self.priced.subtotal_fen if self.priced else None

    @property
    def total_fen(self) -> int | None:
        """What is to be paid, none while that is open."""
        return self.priced.subtotal_fen + self.fee_fen if self.priced else None

    @property
    def due(self) -> datetime | None:
        """When time is up, none where time does not run."""
        return self.deadline if self.state in TIMED else None

    @property
    def covers(self) -> bool:
        """Whether it is live and keeps its footprints from other orders."""
        return self.state in COVERING

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.state in FINAL

    @property
    def credited(self) -> Payment | None:
        """The payment that bought the credits."""
        return next((payment for payment in self.payments if payment.credited), None)

    def payment(self, payment_id: str) -> Payment | None:
        """Return one of its payments."""
        return next((payment for payment in self.payments if payment.payment_id == payment_id), None)

    def reached(self, *states: State) -> datetime | None:
        """Return when it first came into one of the states."""
        return next((passed.at for passed in self.history if passed.state in states), None)

    def with_payment(self, changed: Payment) -> Order:
        """Return the order with this payment in the place of the one of the same id, or added."""
        others = tuple(changed if mine.payment_id == changed.payment_id else mine for mine in self.payments)
        return replace(self, payments=others if changed in others else (*others, changed))


@dataclass(frozen=True)
class Decision:
    """What is decided of an order: how it stands after it, and its events."""

    order: Order
    events: tuple[Event, ...] = ()
