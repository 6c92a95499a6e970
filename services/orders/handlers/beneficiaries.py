"""What becomes of beneficiaries: renamed, with the certificates that follow the name, or erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.orders.domain.beneficiary.beneficiary import CORRECTION, Beneficiary, corrected, erased, named, renamed
from services.orders.store.store import Loaded, Store
from shared.contracts.event import Cause
from shared.contracts.orders import Board
from shared.messaging.retries import retry_lost_race


class Beneficiaries:
    """The acts of a profile's owner."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def rename(self, beneficiary_id: str, *, name: str | None, board: Board | None, cause: Cause) -> Beneficiary:
        """Call or show a beneficiary otherwise; a new name corrects the certificates of its last 30 days.

        Raises NameInvalid, NameUnprintable or BeneficiaryErased.
        """
        after = await self._change(
            beneficiary_id, lambda beneficiary: renamed(beneficiary, name=name, board=board), cause=cause
        )
        if name is None:
            return after
        # Looked for after the name is written: an order that is made later finds the name there.
        return await retry_lost_race(lambda: self._correct(beneficiary_id, cause))

    async def erase(self, beneficiary_id: str, *, cause: Cause) -> None:
        """Take every name off a beneficiary, for ever."""
        await self._change(beneficiary_id, erased, cause=cause)

    async def record(self, loaded: Loaded[Beneficiary] | None, after: Beneficiary, *, cause: Cause) -> None:
        """Write a beneficiary and publish its name, unless nothing has changed. Raises LostRace."""
        if loaded and after == loaded.value:
            return
        await self._store.record_beneficiary(loaded, after, [named(after)], now=self._clock(), cause=cause)

    async def _change(
        self, beneficiary_id: str, change: Callable[[Beneficiary], Beneficiary], *, cause: Cause
    ) -> Beneficiary:
        async def write() -> Beneficiary:
            loaded = await self._store.beneficiary(beneficiary_id)
            assert loaded is not None, "the guard has seen it"
            after = change(loaded.value)
            await self.record(loaded, after, cause=cause)
            return after

        return await retry_lost_race(write)

    async def _correct(self, beneficiary_id: str, cause: Cause) -> Beneficiary:
        loaded = await self._store.beneficiary(beneficiary_id)
        assert loaded is not None, "the guard has seen it"
        beneficiary = loaded.value
        if not beneficiary.uncorrected:
            return beneficiary
        earlier = await self._store.correctable(
            beneficiary_id, since=self._clock() - CORRECTION, name_sequence=beneficiary.sequence
        )
        if not earlier:
            return beneficiary
        after, events = corrected(beneficiary, earlier)
        await self._store.record_beneficiary(loaded, after, events, now=self._clock(), cause=cause)
        return after
