"""What the organiser of a scene does: looks at what its guests have left, strikes a footprint, neutralises the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.orders.domain.balance import balance
from services.orders.domain.balance.balance import Chain, NothingLeft, check_closed, check_organiser, taken
from services.orders.domain.beneficiary.beneficiary import Beneficiary, NameMissing, Naming
from services.orders.domain.order.claim import FOOTPRINTS_MAX, FootprintFacts
from services.orders.domain.order.order import Wish
from services.orders.handlers.balance_projection import catch_up
from services.orders.handlers.orders import Handlers, Keyed, Made
from services.orders.store.store import Store
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import Cause
from shared.contracts.orders import Board
from shared.messaging.failures import LostRace
from shared.messaging.retries import retry_lost_race


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

    async def strike(self, scene_id: str, footprint_id: str, *, organiser_id: str, reason: str | None) -> Chain:
        """Strike a footprint from the balance, or without a reason take that back; its owner may still neutralise it.

        Raises SceneUnknown, SceneNotYours, NotInBalance or FootprintCovered.
        """
        await self.scene(scene_id, organiser_id)

        async def write() -> Chain:
            roots = [footprint.root for footprint in await self._store.copies.footprints([footprint_id])]
            before = await self._store.chains.chains(roots)
            mine = next((one.chain for one in before.values() if one.chain.scene_id == scene_id), None)
            after = balance.strike(mine, footprint_id, reason=reason, now=self._clock())
            await self._store.chains.record(before, [after])
            return after

        return await retry_lost_race(write)

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
