"""What becomes of orders: made on request, moved on by messages, ended by time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter, Gauge

from services.orders.domain.beneficiary.beneficiary import Naming, buyer, check_mandate, ordering
from services.orders.domain.beneficiary.beneficiary import make as make_beneficiary
from services.orders.domain.order import decide
from services.orders.domain.order.claim import FootprintFacts
from services.orders.domain.order.decide import Answer, apply_answer, expire, latest_name, settle
from services.orders.domain.order.order import Decision, Order, Wish
from services.orders.handlers.balance_projection import count
from services.orders.handlers.beneficiaries import Beneficiaries
from services.orders.handlers.causes import periodic
from services.orders.handlers.retries import each, each_if_first
from services.orders.store.store import Loaded, Store
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.event import Cause, Envelope, Event
from shared.contracts.orders import BeneficiaryKind
from shared.contracts.registry import ProjectListed
from shared.messaging.retries import retry_lost_race
from shared.web.idempotency import check_same

AT_ONCE_MAX = 500
PATIENCE = timedelta(seconds=5)
ANSWER_PATIENCE = timedelta(minutes=5)
UNANSWERED = Gauge("diandian_orders_unanswered", "Purchases that the registry has not answered for five minutes")
NOT_FITTING = Counter("diandian_orders_not_fitting_total", "Messages that changed nothing", ["topic", "state"])

Wished = Callable[[], Awaitable[tuple[Wish, FootprintFacts]]]

log = structlog.get_logger()


@dataclass(frozen=True)
class Keyed:
    """What follows from a request: the ids of what it makes, the hashes of their capabilities and of its body."""

    order_id: str
    capability_hash: str
    beneficiary_id: str
    profile_hash: str
    request_hash: str


@dataclass(frozen=True)
class Made:
    """An order that was made, now or by the same request before."""

    order: Order
    replayed: bool


class Handlers:
    """The acts of orders."""

    def __init__(self, store: Store, clock: Callable[[], datetime], *, fee_fen: int) -> None:
        self.beneficiaries = Beneficiaries(store, clock)
        self._store = store
        self._clock = clock
        self._fee_fen = fee_fen
        self._resumes_after: tuple[datetime, str] | None = None

    async def make(
        self,
        wish: Wish,
        naming: Naming | None,
        *,
        mandate_version: str,
        profile_id: str | None,
        keyed: Keyed,
        cause: Cause,
    ) -> Made:
        """Make an order for the profile's beneficiary, or for a new one; the same request finds what it made before.

        Raises KeyReused for another request under the same key, or what `domain.make` refuses.
        """

        async def as_requested() -> tuple[Wish, FootprintFacts]:
            return wish, await self._store.footprint_facts(wish.footprint_ids, order_id=keyed.order_id)

        return await self.make_of(
            as_requested, naming, mandate_version=mandate_version, profile_id=profile_id, keyed=keyed, cause=cause
        )

    async def make_of(
        self,
        wished: Wished,
        naming: Naming | None,
        *,
        mandate_version: str,
        profile_id: str | None,
        keyed: Keyed,
        cause: Cause,
        kind: BeneficiaryKind = "person",
    ) -> Made:
        """Make an order of a wish that is formed anew at each attempt; a new beneficiary without a name is of `kind`.

        Raises what `make` does, and what `wished` does.
        """

        async def make() -> Made:
            if found := await self._store.order(keyed.order_id):
                check_same(found.value.request_hash, keyed.request_hash)
                return Made(found.value, replayed=True)
            now = self._clock()
            check_mandate(mandate_version)
            profile = await self._store.beneficiary(profile_id or keyed.beneficiary_id)
            if profile is None:
                beneficiary = make_beneficiary(
                    naming or Naming(kind),
                    beneficiary_id=keyed.beneficiary_id,
                    profile_hash=keyed.profile_hash,
                    request_hash=keyed.request_hash,
                    mandate_version=mandate_version,
                    now=now,
                )
            elif profile_id is None:
                # The same request was here before, and ended between the two writes.
                check_same(profile.value.request_hash, keyed.request_hash)
                beneficiary = profile.value
            else:
                beneficiary = ordering(profile.value, naming)
            wish, facts = await wished()
            decision = decide.make(
                wish,
                await self._store.copies.listing(wish.project_id),
                facts,
                order_id=keyed.order_id,
                request_hash=keyed.request_hash,
                capability_hash=keyed.capability_hash,
                buyer=buyer(beneficiary, mandate_version),
                fee_fen=self._fee_fen,
                now=now,
            )
            # What is named is there before what names it.
            await self.beneficiaries.record(profile, beneficiary, cause=cause)
            await self._store.insert_order(decision, now=now, cause=cause)
            return Made(decision.order, replayed=False)

        made = await retry_lost_race(make)
        # What was written between the reading and the inserting has not found the order, so the order looks again.
        await retry_lost_race(lambda: self._look_again(made.order.order_id, cause))
        return made

    async def cancel(self, order_id: str, *, cause: Cause) -> Order:
        """End an order as its buyer wishes. Raises DoesNotFit from the point of no return on."""

        async def end() -> Order:
            loaded = await self._store.order(order_id)
            assert loaded is not None, "the guard has seen it"
            now = self._clock()
            decision = decide.cancel(loaded.value, now=now)
            await self._store.record(loaded, decision, now=now, cause=cause)
            return decision.order

        return await retry_lost_race(end)

    async def listings(self, events: Sequence[Envelope[ProjectListed]]) -> None:
        """Keep the latest listing of each project."""
        await self._store.copies.keep_listings(events)

    async def scenes(self, events: Sequence[Envelope[ScenePublished]]) -> None:
        """Remember how scenes are called."""
        await self._store.copies.keep_scenes(events)

    async def footprints(self, events: Sequence[Envelope[FootprintCalculated]]) -> None:
        """Remember footprints, place or refuse the orders that waited for them, and count what scenes have left."""
        causes = {event.data.footprint_id: event.cause for event in events}
        await self._store.copies.keep_footprints(event.data for event in events)
        for loaded in await self._store.waiting_for(causes):
            cause = next(causes[named] for named in loaded.value.wish.footprint_ids if named in causes)
            await self._settle(loaded, cause)
        await count(self._store, {event.data.root for event in events})

    async def answers(self, events: Sequence[Envelope[Answer]]) -> None:
        """Move orders on by what registry and certificates publish, one write per order."""
        by_order: dict[str, list[Envelope[Answer]]] = {}
        for event in events:
            by_order.setdefault(event.data.order_id, []).append(event)
        await each(
            self._apply(loaded, by_order[loaded.value.order_id]) for loaded in await self._store.orders(by_order)
        )

    async def sweep(self) -> None:
        """End the orders whose time is up."""
        now = self._clock()
        overdue = await self._store.overdue(now, limit=AT_ONCE_MAX)
        await each_if_first(
            self._store.record(loaded, expire(loaded.value, now=now), now=now, cause=periodic("deadlines", now))
            for loaded in overdue
        )

    async def look_again(self) -> None:
        """Settle orders whose footprints came while a replica made them that died before it read them again."""
        now = self._clock()
        forgotten = await self._store.waiting_since(now - PATIENCE, after=self._resumes_after, limit=AT_ONCE_MAX)
        # Those that go on waiting stay where they are, so the next run goes on behind them, and the last starts anew.
        last = forgotten[-1].value if len(forgotten) == AT_ONCE_MAX else None
        self._resumes_after = (last.created_at, last.order_id) if last else None
        named = {footprint_id for loaded in forgotten for footprint_id in loaded.value.wish.footprint_ids}
        facts = {footprint.footprint_id for footprint in await self._store.copies.footprints(named)}
        await each_if_first(
            self._settle(loaded, periodic("forgotten orders", now))
            for loaded in forgotten
            if not facts.isdisjoint(loaded.value.wish.footprint_ids)
        )

    async def watch(self) -> None:
        """Raise an alarm when the registry has not answered a purchase for five minutes; nothing else follows."""
        unanswered = await self._store.unretired(self._clock() - ANSWER_PATIENCE)
        UNANSWERED.set(unanswered)
        if unanswered:
            log.critical("purchases without an answer of the registry", count=unanswered)

    async def _look_again(self, order_id: str, cause: Cause) -> None:
        loaded = await self._store.order(order_id)
        assert loaded is not None
        beneficiary = await self._store.beneficiary(loaded.value.buyer.beneficiary_id)
        assert beneficiary is not None
        await self._settle(loaded, cause, name_sequence=beneficiary.value.sequence)

    async def _settle(self, loaded: Loaded[Order], cause: Cause, *, name_sequence: int = 1) -> None:
        now = self._clock()
        order = latest_name(loaded.value, name_sequence)
        facts = await self._store.footprint_facts(order.wish.footprint_ids)
        await self._store.record(loaded, settle(order, facts, now=now), now=now, cause=cause)

    async def _apply(self, loaded: Loaded[Order], events: Sequence[Envelope[Answer]]) -> None:
        now = self._clock()
        order = loaded.value
        to_publish: list[Event] = []
        for event in events:
            decision = apply_answer(order, event.data, now=now)
            if decision.order == order:
                NOT_FITTING.labels(event.data.topic, order.state).inc()
            order = decision.order
            to_publish += decision.events
        decided = Decision(order, tuple(to_publish))
        await self._store.record(loaded, decided, now=now, cause=events[-1].cause)
