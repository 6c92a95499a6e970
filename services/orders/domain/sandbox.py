"""What the sandbox, a payment provider without money, knows of a payment; like a real one it keeps its own record.

It plays two ways of paying: at once, or first set aside and then captured. And it plays what goes wrong with real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from services.orders.domain.notice import Notice
from services.orders.domain.order import Received
from services.orders.domain.payments import ProviderRefused, Said
from shared.refusal import Refusal

Mode = Literal["direct", "authorise"]
Decided = Literal["paid", "authorised", "declined"]
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


@dataclass(frozen=True)
class Telling:
    """A notice still to be sent: of what, not before when, and how often; `attempts` since it was last taken."""

    of: Decided
    at: datetime
    times: int = 1
    attempts: int = 0


@dataclass(frozen=True)
class SandboxPayment:
    """The provider's side record of one payment.

    `amount_fen` and `currency` are what the guest is charged. `taken_at` is when money moved; `refused_at`, `voided_at`
    and `refunded_at` are what else became of it. `pay_by` is when the merchant's offer ends.
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
    faults: tuple[Fault, ...] = ()
    decided: Decided | None = None
    decided_at: datetime | None = None
    taken_at: datetime | None = None
    refused_at: datetime | None = None
    voided_at: datetime | None = None
    refunded_at: datetime | None = None
    captures: int = 0
    refunds: int = 0
    tellings: tuple[Telling, ...] = ()

    @property
    def reference(self) -> str:
        """The provider's own name for the payment."""
        return f"sandbox-{self.payment_id[-8:].lower()}"

    @property
    def state(self) -> str:
        """What a guest calls it."""
        if self.taken_at:
            return "refunded" if self.refunded_at else "paid"
        return "refused" if self.refused_at else "voided" if self.voided_at else self.decided or "open"

    @property
    def playable(self) -> tuple[Fault, ...]:
        """What can go wrong with it."""
        return tuple(fault for fault in FAULTS if self.mode == "authorise" or fault not in OF_CAPTURE)

    def is_open(self, now: datetime) -> bool:
        """Whether the guest may still decide."""
        return self.decided is None and self.voided_at is None and now < self.opened_at + LIFE


def approve(payment: SandboxPayment, faults: Iterable[Fault] = (), *, now: datetime) -> SandboxPayment:
    """Let the guest pay, and the faults happen; the same again changes nothing.

    Raises PaymentDecided when it is decided otherwise, or FaultNotPlayable.
    """
    played = tuple(fault for fault in FAULTS if fault in set(faults))
    decided: Decided = "paid" if payment.mode == "direct" else "authorised"
    if (payment.decided, payment.faults) == (decided, played):
        return payment
    _check_open(payment, now)
    if unknown := set(played) - set(payment.playable):
        raise FaultNotPlayable(f"Nothing is captured later here, so leave out {min(unknown)}.", field="faults")
    # Late money is on its way until the offer has ended, and until then the provider knows nothing of it either.
    lands_at = max(now, (payment.pay_by or now) + LATE) if "late" in played else now
    return _telling(
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


def decline(payment: SandboxPayment, *, now: datetime) -> SandboxPayment:
    """Let the guest not pay; the same again changes nothing. Raises PaymentDecided when it is decided otherwise."""
    if payment.decided == "declined":
        return payment
    _check_open(payment, now)
    return _telling(replace(payment, decided="declined", decided_at=now), "declined", now)


def capture(payment: SandboxPayment, *, now: datetime) -> tuple[SandboxPayment, Said | None]:
    """Take what is set aside, once; return also the answer, none when it is lost on the way.

    Raises ProviderRefused when nothing was set aside.
    """
    if payment.decided != "authorised":
        raise ProviderRefused("Nothing is set aside for this payment.")
    after = replace(payment, captures=payment.captures + 1)
    if not (payment.taken_at or payment.refused_at or payment.voided_at):
        if "capture_refused" in payment.faults:
            after = replace(after, refused_at=now)
        else:
            after = _telling(replace(after, taken_at=now), "paid", now)
    if "capture_times_out" in payment.faults and after.captures <= LOST_ANSWERS:
        return after, None
    return after, Said("paid", _money(after)) if after.taken_at else Said("refused")


def void(payment: SandboxPayment, *, now: datetime) -> SandboxPayment:
    """Let go what is set aside, once. Raises ProviderRefused when it was taken."""
    if payment.taken_at:
        raise ProviderRefused("The money was taken already. Give it back instead.")
    return payment if payment.voided_at else replace(payment, voided_at=now)


def give_back(payment: SandboxPayment, *, amount_fen: int, currency: str, now: datetime) -> SandboxPayment:
    """Refund in full, once; a refund that is refused leaves `refunded_at` empty.

    Raises ProviderRefused when no such money came.
    """
    if not payment.taken_at or (amount_fen, currency) != (payment.amount_fen, payment.currency):
        raise ProviderRefused("There is no such payment to give back.")
    if payment.refunded_at:
        return payment
    refuses = "refund_refused" in payment.faults or (
        "refund_refused_twice" in payment.faults and payment.refunds < REFUSED_REFUNDS
    )
    return replace(payment, refunds=payment.refunds + 1, refunded_at=None if refuses else now)


def said(payment: SandboxPayment, *, now: datetime) -> Said | None:
    """Return what the provider answers when it is asked; none while the guest has not decided."""
    if payment.decided is None or payment.decided_at is None:
        return None if payment.is_open(now) else Said("lapsed")
    if now < payment.decided_at:
        return None
    if payment.taken_at:
        return Said("paid", _money(payment), refund_reference(payment) if payment.refunded_at else "")
    if payment.decided == "authorised":
        return Said("lapsed") if payment.refused_at or payment.voided_at else Said("authorised", _money(payment))
    return Said("declined")


def refund_reference(payment: SandboxPayment) -> str:
    """Return the provider's own name for having given the money back."""
    return f"refund-{payment.reference}"


def due(payment: SandboxPayment, *, now: datetime) -> Telling | None:
    """Return the notice that is to be sent next, none when its time has not come."""
    first = min(payment.tellings, key=lambda telling: telling.at, default=None)
    return first if first and first.at <= now else None


def notice(payment: SandboxPayment, telling: Telling) -> Notice:
    """Return what is sent to the merchant."""
    at = payment.taken_at if telling.of == "paid" else payment.decided_at
    assert at is not None
    return Notice(
        payment_id=payment.payment_id,
        outcome=telling.of,
        amount_fen=payment.amount_fen,
        currency=payment.currency,
        reference=payment.reference,
        decided_at=at,
    )


def told(payment: SandboxPayment, of: Decided, *, taken: bool, now: datetime) -> SandboxPayment:
    """Note that the merchant took the notice, or that it is to be sent again later, ever more rarely."""
    return replace(
        payment,
        tellings=tuple(
            after
            for telling in payment.tellings
            if (after := _after(telling, taken=taken, now=now) if telling.of == of else telling)
        ),
    )


def _after(telling: Telling, *, taken: bool, now: datetime) -> Telling | None:
    if taken:
        return replace(telling, times=telling.times - 1, attempts=0) if telling.times > 1 else None
    return replace(
        telling, attempts=telling.attempts + 1, at=now + min(RETRY * 2 ** min(telling.attempts, 10), RETRY_MAX)
    )


def _telling(payment: SandboxPayment, of: Decided, at: datetime) -> SandboxPayment:
    if "silent" in payment.faults:
        return payment
    telling = Telling(of, at + SLOW if "slow" in payment.faults else at, 2 if "twice" in payment.faults else 1)
    return replace(payment, tellings=(*payment.tellings, telling))


def _check_open(payment: SandboxPayment, now: datetime) -> None:
    if not payment.is_open(now):
        lapsed = payment.state if payment.state != "open" else "lapsed"
        raise PaymentDecided(f"This payment is {lapsed} already. Go back to the order.")


def _money(payment: SandboxPayment) -> Received:
    at = payment.taken_at or payment.decided_at
    assert at is not None
    return Received(payment.amount_fen, payment.currency, payment.reference, at)


def _another(currency: str) -> str:
    return "USD" if currency != "USD" else "CNY"
