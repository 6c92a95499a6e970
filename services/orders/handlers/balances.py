"""What the organiser of a scene does: looks at what its guests have left, strikes a footprint, neutralises the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.orders.domain.balance import balance
from services.orders.domain.balance.balance import NothingLeft, check_closed, check_organiser, taken
from services.orders.domain.beneficiary.beneficiary import Beneficiary, NameMissing, Naming
from services.orders.domain.order.claim import FOOTPRINTS_MAX, FootprintFacts
from services.orders.domain.order.order import Wish
from services.orders.handlers.balance_projection import catch_up
from services.orders.handlers.orders import Handlers, Keyed, Made
from services.orders.store.chains import Counted
from services.orders.store.store import Store
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import Cause
from shared.contracts.orders import Board
from shared.messaging.failures import LostRace
from shared.messaging.retries import retry_lost_race
from shared.web.preconditions import Precondition


@dataclass(frozen=True)
class Claiming:
    """Which organiser claims what is left of which scene, with which project as it was seen."""

    scene_id: str
    organiser_id: str
    project_id: str
    seen_version: int


class Balances:
    """The organiser's side of orders."""

    def __init__(self, store: Store, handlers: Handlers, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock

    async def scene(self, scene_id: str, organiser_id: str) -> ScenePublished:
        """Return a scene of the organiser. Raises SceneUnknown or SceneNotYours."""
        return check_organiser(await self._store.copies.scene(scene_id), organiser_id, scene_id=scene_id)

    async def catch_up(self) -> None:
        """Let balances follow the orders that were placed or ended."""
        await catch_up(self._store)

    async def struck(self, scene_id: str, footprint_id: str, *, organiser_id: str) -> Counted:
        """Return a footprint that is struck. Raises SceneUnknown, SceneNotYours, NotInBalance or NotStruck."""
        await self.scene(scene_id, organiser_id)
        there = _in_scene(await self._chains_of(footprint_id), scene_id)
        balance.check_struck(there.chain if there else None, footprint_id)
        assert there is not None, "what is struck is there"
        return there

    async def strike(
        self, scene_id: str, footprint_id: str, *, organiser_id: str, reason: str | None, precondition: Precondition
    ) -> Counted:
        """Strike a footprint from the balance, or without a reason take that back; its owner may still neutralise it.

        Raises SceneUnknown, SceneNotYours, NotInBalance, FootprintCovered, PreconditionFailed or PreconditionMissing.
        """
        await self.scene(scene_id, organiser_id)

        async def write() -> Counted:
            before = await self._chains_of(footprint_id)
            there = _in_scene(before, scene_id)
            after = balance.strike(there.chain if there else None, footprint_id, reason=reason, now=self._clock())
            assert there is not None, "else there was nothing to strike"
            if after == there.chain:
                precondition.check_done(there.version if after.struck else None)
                return there
            if reason is not None and there.chain.struck:
                precondition.check_change(there.version)
            else:
                precondition.check(there.version if there.chain.struck else None)
            await self._store.chains.record(before, [after])
            return Counted(after, there.version + 1)

        return await retry_lost_race(write)

    async def _chains_of(self, footprint_id: str) -> dict[str, Counted]:
        roots = [footprint.root for footprint in await self._store.copies.footprints([footprint_id])]
        return await self._store.chains.chains(roots)

    async def rename(self, beneficiary_id: str, *, name: str | None, board: Board | None, cause: Cause) -> Beneficiary:
        """Call or show an organiser otherwise. Raises NameMissing before its first order, or what a rename does."""
        if await self._store.beneficiary(beneficiary_id) is None:
            raise NameMissing("An organiser is named with its first order.", field="beneficiary/name")
        return await self._handlers.beneficiaries.rename(beneficiary_id, name=name, board=board, cause=cause)

    async def order(
        self,
        claiming: Claiming,
        naming: Naming | None,
        *,
        mandate_version: str,
        keyed: Keyed,
        cause: Cause,
    ) -> Made:
        """Make the next order over what is left of a closed scene, for its organiser; the same request finds it again.

        Raises SceneUnknown, SceneNotYours, SceneOpen, NothingLeft, KeyReused, or what `domain.make` refuses.
        """

        async def left() -> tuple[Wish, FootprintFacts]:
            check_closed(await self.scene(claiming.scene_id, claiming.organiser_id))
            chains = await self._store.chains.page(claiming.scene_id, "left", limit=FOOTPRINTS_MAX)
            if not chains:
                raise NothingLeft("Nothing of this scene is left to neutralise.", field="scene_id")
            facts = await self._store.footprint_facts([one.footprint_id for one in chains], order_id=keyed.order_id)
            offered = taken(chains, facts)
            if not offered:
                # All of it was taken a moment ago, and there may be more behind it.
                await self.catch_up()
                raise LostRace(f"what {claiming.scene_id} had left was taken meanwhile")
            return Wish(claiming.project_id, claiming.seen_version, offered=offered), facts

        return await self._handlers.make_of(
            left,
            naming,
            mandate_version=mandate_version,
            profile_id=keyed.beneficiary_id,
            keyed=keyed,
            cause=cause,
            kind="organiser",
        )


def _in_scene(found: Mapping[str, Counted], scene_id: str) -> Counted | None:
    return next((one for one in found.values() if one.chain.scene_id == scene_id), None)
