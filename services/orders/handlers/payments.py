"""How money moves: payments are started, notices taken, and the provider polled until the outcome is certain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from services.orders.domain.order.order import Order, Payment, Settlement
from services.orders.domain.order.payments import (
    PaymentUnknown,
    ProviderRefused,
    ProviderSilent,
    PurchaseInvalid,
    Report,
    apply_report,
    polled,
    polls_due,
)
from services.orders.domain.order.payments import start as start_payment
from services.orders.domain.order.refunds import (
    RefundNotOpen,
    RefundUnknown,
    refund_failed,
    refund_made,
    refund_requested,
    refunds_due,
    settle_refund,
)
from services.orders.handlers.causes import periodic
from services.orders.handlers.provider import Provider
from services.orders.handlers.retries import each_if_first
from services.orders.store.store import Loaded, Store
from shared.contracts.event import Cause
from shared.messaging.retries import retry_lost_race
from shared.web.idempotency import check_same

AT_ONCE_MAX = 200
# Well below domain.UNDER_WAY, after which an attempt without an answer counts as over.
PROVIDER_SECONDS_MAX = 10
Answer = TypeVar("Answer")

log = structlog.get_logger()


@dataclass(frozen=True)
class Started:
    """A payment that was started, the address of the page to pay on, and whether it was there already."""

    order: Order
    payment: Payment
    url: str
    replayed: bool


class Payments:
    """The money side of orders, over one payment provider."""

    def __init__(self, store: Store, provider: Provider, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._provider = provider
        self._clock = clock

    async def start(self, order_id: str, *, payment_id: str, method: str, request_hash: str, cause: Cause) -> Started:
        """Start a payment of a held order, once.

        Of two that come at once with the same key the second finds the payment of the first, and both get its answer.
        Raises DoesNotFit, PaymentsExhausted, PurchaseInvalid, KeyReused, ProviderRefused or ProviderSilent.
        """

        async def add() -> tuple[Order, bool]:
            loaded = await self._order(order_id)
            if loaded.value.payment(payment_id):
                return loaded.value, True
            now = self._clock()
            try:
                decision = start_payment(
                    loaded.value, payment_id=payment_id, provider=method, request_hash=request_hash, now=now
                )
            except PurchaseInvalid as invalid:
                log.critical("purchase would be invalid", order_id=order_id, reason=str(invalid.__cause__)[:500])
                raise
            await self._store.record(loaded, decision, now=now, cause=cause)
            return decision.order, False

        order, replayed = await retry_lost_race(add)
        payment = order.payment(payment_id)
        assert payment is not None
        check_same(payment.request_hash, request_hash)
        # The provider gets the payment after the order has it, so no money comes without a payment.
        return Started(order, payment, await _answer_of(self._provider.start(order, payment)), replayed)

    async def notice(self, payment_id: str, report: Report, *, cause: Cause) -> None:
        """Apply what the provider reports of a payment, and capture the money that it has authorised.

        Raises PaymentUnknown.
        """

        async def take() -> Payment | None:
            loaded = await self._store.order_of_payment(payment_id)
            if loaded is None:
                raise PaymentUnknown(f"There is no payment {payment_id}.")
            now = self._clock()
            decision = apply_report(loaded.value, payment_id, report, now=now)
            await self._store.record(loaded, decision, now=now, cause=cause)
            return None if decision.order == loaded.value else decision.order.payment(payment_id)

        changed = await retry_lost_race(take)
        if changed and changed.state == "capturing":
            await self._find_out(changed, cause)

    async def settle(
        self, order_id: str, payment_id: str, *, reference: str, settlement: Settlement, cause: Cause
    ) -> tuple[Payment, bool]:
        """Note that staff gave a payment back by another way; return it, and whether the same request did so before.

        Raises RefundUnknown, RefundNotOpen, RefundUnderWay, KeyReused, or ProviderSilent while it is uncertain whether
        the provider has made it meanwhile.
        """

        async def end() -> tuple[Order, bool]:
            loaded = await self._store.order(order_id)
            # Looked for after the order was read: whoever settled that by the same request is found.
            if settled := await self._store.settled_by(settlement.request_id):
                (done,) = [one for one in _settlements(settled) if one.request_id == settlement.request_id]
                check_same(done.request_hash, settlement.request_hash)
                return settled, True
            if loaded is None:
                raise RefundUnknown(f"There is no order {order_id}.")
            now = self._clock()
            decision = settle_refund(loaded.value, payment_id, reference=reference, settlement=settlement, now=now)
            # A crash may have kept us from noting that the provider has made it.
            report = await _answer_of(self._provider.look_up(payment_id))
            if report and report.refunded:
                decision = refund_made(loaded.value, payment_id, reference=report.refunded, now=now)
            await self._store.record(loaded, decision, now=now, cause=cause)
            if report and report.refunded:
                raise RefundNotOpen("The provider has made this refund. Do not pay it again.", state="made")
            return decision.order, False

        order, replayed = await retry_lost_race(end)
        payment = order.payment(payment_id)
        assert payment is not None
        return payment, replayed

    async def give_back(self) -> None:
        """Make the refunds that are due."""
        now = self._clock()
        orders = await self._store.giving_back(now, limit=AT_ONCE_MAX)
        await each_if_first(
            self._refund(loaded, payment.payment_id, periodic("refunds", now))
            for loaded in orders
            for payment in refunds_due(loaded.value, now=now)[:1]
        )

    async def poll(self) -> None:
        """Ask the provider about payments of which no notice, or no answer, came in time."""
        now = self._clock()
        silent = await self._store.unanswered(now, limit=AT_ONCE_MAX)
        await each_if_first(self._poll(loaded, now) for loaded in silent)

    async def _refund(self, loaded: Loaded[Order], payment_id: str, cause: Cause) -> None:
        # Noted first: of two replicas one sends it, and nobody settles meanwhile what may be going back.
        noted = refund_requested(loaded.value, payment_id, now=self._clock())
        await self._store.record(loaded, noted, now=self._clock(), cause=cause)
        payment = noted.order.payment(payment_id)
        assert payment is not None
        reference = None
        try:
            reference = await _answer_of(self._provider.refund(payment))
        except ProviderSilent as silent:
            log.warning("refund not answered", payment_id=payment_id, failure=silent.detail)
            return
        except ProviderRefused as refused:
            log.warning("refund refused", payment_id=payment_id, failure=refused.detail)

        async def note() -> None:
            order = await self._order(loaded.value.order_id)
            now = self._clock()
            returned = order.value.payment(payment_id)
            if reference and returned and returned.refund and returned.refund.state == "settled_outside":
                log.critical("money went back twice", payment_id=payment_id, reference=reference)
            if reference is None:
                decision = refund_failed(order.value, payment_id, now=now)
            else:
                decision = refund_made(order.value, payment_id, reference=reference, now=now)
            await self._store.record(order, decision, now=now, cause=cause)

        await retry_lost_race(note)

    async def _poll(self, loaded: Loaded[Order], now: datetime) -> None:
        cause = periodic("look-ups", now)
        # Noted first: even a payment whose request fails goes back in the line, and of two replicas one sends it.
        noted = polled(loaded.value, now=now)
        await self._store.record(loaded, noted, now=now, cause=cause)
        for payment in polls_due(loaded.value, now=now):
            await self._find_out(payment, cause)

    async def _find_out(self, payment: Payment, cause: Cause) -> None:
        """Ask the provider for what the payment stands at, and take in the answer; without one, ask again later."""
        try:
            report = await _answer_of(self._what_became_of(payment))
        except (ProviderSilent, ProviderRefused) as failure:
            log.warning("provider does not answer", payment_id=payment.payment_id, of=payment.state, why=failure.detail)
            return
        if report is not None:
            await self.notice(payment.payment_id, report, cause=cause)

    async def _what_became_of(self, payment: Payment) -> Report | None:
        match payment.state:
            case "capturing":
                return await self._provider.capture(payment)
            case "voiding":
                return await self._provider.void(payment)
            case _:
                return await self._provider.look_up(payment.payment_id)

    async def _order(self, order_id: str) -> Loaded[Order]:
        loaded = await self._store.order(order_id)
        assert loaded is not None, "it was seen before"
        return loaded


async def _answer_of(answering: Awaitable[Answer]) -> Answer:
    """Return the provider's answer. Raises ProviderSilent when it takes too long."""
    try:
        async with asyncio.timeout(PROVIDER_SECONDS_MAX):
            return await answering
    except TimeoutError:
        raise ProviderSilent(f"The payment provider gave no answer in {PROVIDER_SECONDS_MAX} s.") from None


def _settlements(order: Order) -> list[Settlement]:
    refunds = [payment.refund for payment in order.payments if payment.refund]
    return [refund.settlement for refund in refunds if refund.settlement]
