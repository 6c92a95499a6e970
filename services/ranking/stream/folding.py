"""How records reach boards: folded, or put on the dead letters. The live reader and a rebuild do the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from aiokafka import ConsumerRecord

from services.ranking.stream.dead_letters import DeadLetters, Rejected
from shared.contracts.event import Envelope, Event, from_record
from shared.messaging.failures import is_infrastructure

Take = Callable[[Envelope[Event]], Awaitable[None]]


class Folding:
    """Decodes records by the contract of their topic and hands each event on."""

    def __init__(self, contracts: Iterable[type[Event]], dead_letters: DeadLetters, *, livemode: bool) -> None:
        self._contracts = {contract.topic: contract for contract in contracts}
        self._dead_letters = dead_letters
        self._livemode = livemode

    async def fold(self, records: Iterable[ConsumerRecord], take: Take) -> None:
        """Return when every record has taken effect or lies on the dead letter topic.

        Raises what is a failure of the surroundings; the same records may be given once more then.
        """
        rejected: list[Rejected] = []
        for record in records:
            try:
                event = self._event_of(record)
                if event is not None:
                    await take(event)
            except Exception as failure:
                if is_infrastructure(failure):
                    raise
                rejected.append((record, failure))
        if rejected:
            await self._dead_letters.put(rejected)

    def _event_of(self, record: ConsumerRecord) -> Envelope[Event] | None:
        """Return the event of a record; none of a null. Raises MalformedEvent, OtherMode."""
        # A null is a compacted topic's deletion or heartbeat: it carries nothing.
        if record.value is None:
            return None
        contract = self._contracts[record.topic]
        return from_record(
            contract, record.value, record.headers, livemode=self._livemode, timestamp_ms=record.timestamp
        )
