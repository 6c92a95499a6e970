"""What becomes of a payment at the sandbox, in both ways of paying, with all that goes wrong at real providers.

Money is taken at once, or first set aside and captured later. Everything may be requested any number of times and is
done once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from shared.refusal import Refusal

Mode = Literal["direct", "authorise"]
Outcome = Literal["paid", "authorised", "declined"]
State = Literal["open", "authorised", "paid", "declined", "lapsed", "refused", "voided", "refunded"]
Fault = Literal[
    "slow",
    "silent",
    "twice",
    "late",
    "wrong_amount",
    "wrong_currency",
    "refund_refused_twice",
    "refund_refused",
    "capture_times_out",
    "capture_refused",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
OF_CAPTURE: frozenset[Fault] = frozenset({"capture_times_out", "capture_refused"})
LIFE = timedelta(hours=1)
SLOW = timedelta(seconds=10)
LATE = timedelta(seconds=60)
LOST_ANSWERS = 2
REFUSED_REFUNDS = 2
RETRY = timedelta(seconds=1)
RETRY_MAX = timedelta(seconds=60)


class PaymentDecided(Refusal):
    """The payment was approved, declined or has lapsed already (409)."""

    code = "payment_decided"


class FaultNotPlayable(Refusal):
    """A payment of this method knows no such fault (422)."""

    code = "fault_not_playable"


class NotPossible(Refusal):
    """The payment is in a state in which this cannot be done (409)."""

    code = "payment_state"


class RefundRefused(Refusal):
    """The fault that refuses refunds is played (409)."""

    code = "refund_refused"


@dataclass(frozen=True)
class Notice:
    """A notice that is still to be sent: not before when, and how often; `attempts` since it was last taken."""

    outcome: Outcome
    at: datetime
    times: int = 1
    attempts: int = 0


@dataclass(frozen=True)
class Payment:
    """One payment.

    `amount_fen` and `currency` are what the guest is charged. `taken_at` is when money moved; `refused_at`, `voided_at`
    and `refunded_at` are what else became of it. `pay_by` is when the merchant's offer ends, `return_url` where the
    guest goes afterwards.
    """

    payment_id: str
    order_id: str
    names: Mapping[str, str]
    grams: int
    amount_fen: int
    currency: str
    opened_at: datetime
    mode: Mode = "direct"
    pay_by: datetime | None = None
    return_url: str = "/"
    faults: tuple[Fault, ...] = ()
    decided: Outcome | None = None
    decided_at: datetime | None = None
    taken_at: datetime | None = None
    refused_at: datetime | None = None
    voided_at: datetime | None = None
    refunded_at: datetime | None = None
    captures: int = 0
    refunds: int = 0
    notices: tuple[Notice, ...] = ()

    @property
    def reference(self) -> str:
        """The sandbox's own name for the payment."""
        return f"sandbox-{self.payment_id[-8:].lower()}"

    @property
    def refund_reference(self) -> str:
        """The sandbox's own name for having given the money back, empty when it has not."""
        return f"refund-{self.reference}" if self.refunded_at else ""

    @property
    def playable(self) -> tuple[Fault, ...]:
        """What can go wrong with it."""
        return tuple(fault for fault in FAULTS if self.mode == "authorise" or fault not in OF_CAPTURE)

    @property
    def notify_at(self) -> datetime | None:
        """When a notice is to be sent next."""
        return min((notice.at for notice in self.notices), default=None)

    def is_open(self, now: datetime) -> bool:
        """Whether the guest may still decide."""
        return self.decided is None and self.voided_at is None and now < self.opened_at + LIFE

    def state(self, now: datetime) -> State:
        """What a guest sees of it."""
        if self.taken_at:
            return "refunded" if self.refunded_at else "paid"
        if self.refused_at or self.voided_at:
            return "refused" if self.refused_at else "voided"
        return self.decided or ("open" if self.is_open(now) else "lapsed")

    def settled_state(self, now: datetime) -> State:
        """What its merchant sees of it: money that is on its way has not been decided on yet."""
        return "open" if self.decided_at and now < self.decided_at else self.state(now)


def approve(payment: Payment, faults: Iterable[Fault] = (), *, now: datetime) -> Payment:
    """Let the guest pay, and the faults happen; the same again changes nothing.

    Raises PaymentDecided when it is decided otherwise, or FaultNotPlayable.
    """
    played = tuple(fault for fault in FAULTS if fault in set(faults))
    decided: Outcome = "paid" if payment.mode == "direct" else "authorised"
    if (payment.decided, payment.faults) == (decided, played):
        return payment
    _check_open(payment, now)
    if unknown := set(played) - set(payment.playable):
        raise FaultNotPlayable(f"Nothing is captured later here, so leave out {min(unknown)}.", field="faults")
    # Late money is on its way until the offer has ended, and until then the sandbox knows nothing of it either.
    lands_at = max(now, (payment.pay_by or now) + LATE) if "late" in played else now
    return _notifying(
        replace(
            payment,
            faults=played,
            amount_fen=payment.amount_fen + ("wrong_amount" in played),
            currency=_another(payment.currency) if "wrong_currency" in played else payment.currency,
            decided=decided,
            decided_at=lands_at,
            taken_at=lands_at if decided == "paid" else None,
        ),
        decided,
        lands_at,
    )


def decline(payment: Payment, *, now: datetime) -> Payment:
    """Let the guest not pay; the same again changes nothing. Raises PaymentDecided when it is decided otherwise."""
    if payment.decided == "declined":
        return payment
    _check_open(payment, now)
    return _notifying(replace(payment, decided="declined", decided_at=now), "declined", now)


def capture(payment: Payment, *, now: datetime) -> Payment:
    """Take what is set aside, once; the bank may refuse. Raises NotPossible when nothing was set aside."""
    if payment.decided != "authorised":
        raise NotPossible("Nothing is set aside for this payment.")
    after = replace(payment, captures=payment.captures + 1)
    if payment.taken_at or payment.refused_at or payment.voided_at:
        return after
    if "capture_refused" in payment.faults:
        return replace(after, refused_at=now)
    # Who does not get the answer gets no notice at once either.
    return _notifying(replace(after, taken_at=now), "paid", now + SLOW if answer_is_lost(after) else now)


def answer_is_lost(payment: Payment) -> bool:
    """Say whether the answer to the capture that was just made gets lost on its way."""
    return "capture_times_out" in payment.faults and payment.captures <= LOST_ANSWERS


def void(payment: Payment, *, now: datetime) -> Payment:
    """Let go what is set aside, once. Raises NotPossible when it was taken."""
    if payment.taken_at:
        raise NotPossible("The money was taken already. Refund it instead.")
    return payment if payment.voided_at else replace(payment, voided_at=now)


def refund(payment: Payment, *, amount_fen: int, currency: str, now: datetime) -> Payment:
    """Give the money back in full, once; where the fault refuses that, `refunded_at` stays empty.

    Raises NotPossible when no such money came.
    """
    if not payment.taken_at or (amount_fen, currency) != (payment.amount_fen, payment.currency):
        raise NotPossible("There is no such payment to refund.")
    if payment.refunded_at:
        return payment
    refuses = "refund_refused" in payment.faults or (
        "refund_refused_twice" in payment.faults and payment.refunds < REFUSED_REFUNDS
    )
    return replace(payment, refunds=payment.refunds + 1, refunded_at=None if refuses else now)


def due(payment: Payment, *, now: datetime) -> Notice | None:
    """Return the notice that is to be sent next, none when its time has not come."""
    first = min(payment.notices, key=lambda notice: notice.at, default=None)
    return first if first and first.at <= now else None


def delivered(payment: Payment, outcome: Outcome, *, taken: bool, now: datetime) -> Payment:
    """Note that the merchant took the notice, or that it is to be sent again later, ever more rarely."""
    return replace(
        payment,
        notices=tuple(
            after
            for notice in payment.notices
            if (after := _after(notice, taken=taken, now=now) if notice.outcome == outcome else notice)
        ),
    )


def _after(notice: Notice, *, taken: bool, now: datetime) -> Notice | None:
    if taken:
        return replace(notice, times=notice.times - 1, attempts=0) if notice.times > 1 else None
    return replace(notice, attempts=notice.attempts + 1, at=now + min(RETRY * 2 ** min(notice.attempts, 10), RETRY_MAX))


def _notifying(payment: Payment, outcome: Outcome, at: datetime) -> Payment:
    if "silent" in payment.faults:
        return payment
    notice = Notice(outcome, at + SLOW if "slow" in payment.faults else at, 2 if "twice" in payment.faults else 1)
    return replace(payment, notices=(*payment.notices, notice))


def _check_open(payment: Payment, now: datetime) -> None:
    if not payment.is_open(now):
        raise PaymentDecided(f"This payment is {payment.state(now)} already. Go back to the order.")


def _another(currency: str) -> str:
    return "USD" if currency != "USD" else "CNY"
