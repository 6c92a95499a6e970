"""How money moves: payments are started, notices taken, refunds made until they are, and silent providers asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.orders import domain
from services.orders.handlers.provider import Provider
from services.orders.handlers.races import each_if_first, persistently
from services.orders.handlers.turns import turn
from services.orders.store import Loaded, Store
from shared.contracts import Cause
from shared.web.idempotency import KeyReused

PER_TURN_MAX = 200


@dataclass(frozen=True)
class Started:
    """A payment that was started, the address of the page to pay on, and whether it was there already."""

    order: domain.Order
    payment: domain.Payment
    url: str
    replayed: bool


class Payments:
    """The money side of orders, over one payment provider."""

    def __init__(self, store: Store, provider: Provider, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._provider = provider
        self._clock = clock

    async def start(self, order_id: str, *, payment_id: str, request_hash: str, cause: Cause) -> Started:
        """Start a payment of a held order, once. Raises DoesNotFit or KeyReused."""

        async def add() -> tuple[Loaded[domain.Order], bool]:
            loaded = await self._store.order(order_id)
            assert loaded is not None, "the guard has seen it"
            if loaded.value.payment(payment_id):
                return loaded, True
            now = self._clock()
            decision = domain.start_payment(
                loaded.value, payment_id=payment_id, provider=self._provider.name, request_hash=request_hash, now=now
            )
            await self._store.record(loaded, decision, now=now, cause=cause)
            return Loaded(decision.order, loaded.document), False

        loaded, replayed = await persistently(add)
        payment = loaded.value.payment(payment_id)
        assert payment is not None
        if payment.request_hash != request_hash:
            raise KeyReused("This Idempotency-Key came with another body before. Take a new key.")
        # The provider learns of the payment after the order has it, so no money comes that nobody knows of.
        return Started(loaded.value, payment, await self._provider.start(loaded.value, payment), replayed)

    async def notice(self, payment_id: str, said: domain.Said, *, cause: Cause) -> None:
        """Take in what the provider says of a payment. Raises PaymentUnknown."""

        async def take() -> None:
            loaded = await self._store.order_of_payment(payment_id)
            if loaded is None:
                raise domain.PaymentUnknown(f"There is no payment {payment_id}.")
            now = self._clock()
            decision = domain.hear_provider(loaded.value, payment_id, said, now=now)
            await self._store.record(loaded, decision, now=now, cause=cause)

        await persistently(take)

    async def give_back(self) -> None:
        """Make the refunds that are due."""
        now = self._clock()
        orders = await self._store.giving_back(now, limit=PER_TURN_MAX)
        await each_if_first(
            self._refund(loaded, payment, turn("refunds", now))
            for loaded in orders
            for payment in domain.refunds_due(loaded.value, now=now)[:1]
        )

    async def ask(self) -> None:
        """Ask the provider about payments of which no notice came in time."""
        now = self._clock()
        silent = await self._store.unanswered(now, limit=PER_TURN_MAX)
        await each_if_first(self._ask(loaded, now) for loaded in silent)

    async def _refund(self, loaded: Loaded[domain.Order], payment: domain.Payment, cause: Cause) -> None:
        payment_id = payment.payment_id
        try:
            reference = await self._provider.refund(payment)
        except domain.ProviderRefused:
            decision = domain.refund_failed(loaded.value, payment_id, now=self._clock())
        else:
            decision = domain.refund_made(loaded.value, payment_id, reference=reference, now=self._clock())
        await self._store.record(loaded, decision, now=self._clock(), cause=cause)

    async def _ask(self, loaded: Loaded[domain.Order], now: datetime) -> None:
        cause = turn("look-ups", now)
        # Noted first: even a payment whose look-up fails goes back in the line, and of two replicas one asks.
        await self._store.record(loaded, domain.asked(loaded.value, now=now), now=now, cause=cause)
        for payment in domain.asks_due(loaded.value, now=now):
            said = await self._provider.look_up(payment.payment_id)
            if said is not None:
                await self.notice(payment.payment_id, said, cause=cause)
