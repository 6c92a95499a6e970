"""What the calculator does because of something: records scenes and footprints, marks what is neutralised."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.calculator.domain.answers import Answers, Place, read_answers
from services.calculator.domain.engine import compute
from services.calculator.domain.factors import Release
from services.calculator.domain.figures import figures_of
from services.calculator.domain.footprint import Footprint, Role, first, replace
from services.calculator.domain.lines import Result
from services.calculator.domain.reduction import Reduction, best_reduction
from services.calculator.domain.scenes import Scene, must_be_of, must_be_open
from services.calculator.domain.throttle import footprints_window, too_many_footprints
from services.calculator.store.directory import DirectoryPlace
from services.calculator.store.store import Store, StoredFootprint, StoredScene
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Cause, Envelope
from shared.contracts.registry import ProjectListed
from shared.messaging.failures import LostRace
from shared.messaging.retries import retry_lost_race
from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web.idempotency import check_same
from shared.web.preconditions import Precondition

Load = Callable[[str], Release]
_SCENE_ID = re.compile(r"scn_[0-9A-HJKMNP-TV-Z]{26}")


class UnknownScene(Refusal):
    """No scene has this code (404)."""

    code = "scene_unknown"


class UnknownFootprint(Refusal):
    """No footprint has this id (404)."""

    code = "footprint_unknown"


# A year of life is counted at no scene, and by the rows of the country where one lives.
LIFE = "life"
HOME = "CN"


@dataclass(frozen=True)
class Wanted:
    """A footprint to be made: its id and capability hash follow from the request, so that a repeat finds it.

    Without a scene it is of a year of the guest's life in `country`. `address` is where a guest asks from; the
    organiser's own account comes from no address that is counted.
    """

    footprint_id: str
    claim_hash: str
    request_hash: str
    scene_code: str | None
    answers: Answers
    replaces: str | None
    role: Role = "guest"
    address: str | None = None
    country: str = HOME


class Handlers:
    """The calculator's acts."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        load: Load,
        latest: str,
        *,
        secret: str,
        footprints_per_address_max: int,
    ) -> None:
        self._store, self._clock, self._load, self._latest = store, clock, load, latest
        self._secret, self._footprints_max = secret, footprints_per_address_max

    @property
    def release(self) -> Release:
        """The release that new footprints are computed with."""
        return self._load(self._latest)

    async def scene(self, name: str, *, field: str = "scene") -> StoredScene:
        """Return a scene by its code, or its id. Raises UnknownScene, which names the field."""
        by_id = _SCENE_ID.fullmatch(name)
        found = await (self._store.scene_by_id(name) if by_id else self._store.scene(name.upper()))
        if found is None or found.scene.status == "draft":
            raise UnknownScene(
                Sentence("No scene has the code {code}. Look at the poster again, or search.", code=name), field=field
            )
        return found

    async def scenes(
        self, text: str, *, after: DirectoryPlace | None = None, limit: int
    ) -> tuple[list[StoredScene], DirectoryPlace | None]:
        """Return a page of the scenes that a search finds, open ones first, all when the text is empty.

        With it comes the place to go on after, if there are more.
        """
        return await self._store.scenes(text, now=self._clock(), after=after, limit=limit)

    async def publish_scene(
        self, scene_id: str, scene: Scene, *, organiser_id: str | None, precondition: Precondition, cause: Cause
    ) -> int:
        """Write a scene as it is to be, for its organiser, or for staff that acts for none; return its version.

        Raises SceneNotYours, CodeTaken, PreconditionFailed, PreconditionMissing, or LostRace after five tries.
        """
        must_be_of(organiser_id, scene)

        async def write() -> int:
            there = await self._store.scene_by_id(scene_id)
            if there is None:
                precondition.check(None)
                if not await self._store.insert_scene(scene_id, scene, now=self._clock(), cause=cause):
                    raise LostRace(f"{scene_id} was made by another")
                return 1
            must_be_of(organiser_id, there.scene)
            if there.scene == scene:
                precondition.check_done(there.version)
                return there.version
            precondition.check_change(there.version)
            await self._store.change_scene(there, scene, now=self._clock(), cause=cause)
            return there.version + 1

        return await retry_lost_race(write)

    async def scene_of(self, scene_id: str, organiser_id: str | None) -> Scene:
        """Return a scene of the organiser. Raises UnknownScene or SceneNotYours."""
        found = await self._store.scene_by_id(scene_id)
        if found is None:
            raise UnknownScene(Sentence("There is no scene {scene_id}.", scene_id=scene_id), field="scene_id")
        must_be_of(organiser_id, found.scene)
        return found.scene

    async def calculate(self, wanted: Wanted, *, cause: Cause) -> tuple[StoredFootprint, bool]:
        """Compute and record a footprint; return it and whether it was there already.

        Raises UnknownScene, SceneNotOpen, AnswersRefused, ZeroFootprint, UnknownFootprint, AlreadyReplaced, KeyReused,
        TooManyFootprints.
        """
        if there := await self._store.footprint(wanted.footprint_id):
            return _same_wish(there, wanted), True
        scene_id, place = await self._where(wanted)
        result = compute(wanted.answers, scene=place, release=self.release)
        now = self._clock()
        footprint = first(
            wanted.footprint_id,
            scene_id=scene_id,
            role=wanted.role,
            place=place,
            answers=wanted.answers,
            result=result,
            claim_hash=wanted.claim_hash,
            made_at=now,
        )
        if wanted.replaces is not None:
            old = await self._old(wanted.replaces, footprint)
            footprint = replace(
                old,
                footprint_id=wanted.footprint_id,
                place=place,
                answers=wanted.answers,
                result=result,
                claim_hash=wanted.claim_hash,
                made_at=now,
            )
        await self._admit(wanted, scene_id, now)
        is_new = await self._store.add_footprint(footprint, request_hash=wanted.request_hash, now=now, cause=cause)
        made = await self._store.footprint(wanted.footprint_id)
        assert made is not None, "what was written is read"
        # At the same moment the same key may have made it, and from other answers.
        return _same_wish(made, wanted), not is_new

    async def _where(self, wanted: Wanted) -> tuple[str | None, Place]:
        if wanted.scene_code is None:
            return None, Place(country=wanted.country)
        found = await self.scene(wanted.scene_code)
        must_be_open(found.scene)
        return found.scene_id, found.scene.location

    async def _admit(self, wanted: Wanted, scene_id: str | None, now: datetime) -> None:
        if wanted.address is None:
            return
        window = footprints_window(self._secret, scene_id or LIFE, wanted.address, now)
        if not await self._store.throttle.admit(window, count_max=self._footprints_max):
            raise too_many_footprints(self._footprints_max, window, now)

    async def _old(self, footprint_id: str, like: Footprint) -> Footprint:
        """Return what is to be replaced, as far as a replacement looks at it."""
        stored = await self._store.footprint(footprint_id)
        if stored is None or (stored.scene_id, stored.role) != (like.scene_id, like.role):
            raise UnknownFootprint(Sentence("There is no such footprint of this scene to change."), field="replaces")
        return Footprint(
            footprint_id=stored.footprint_id,
            scene_id=stored.scene_id,
            role=stored.role,
            place=like.place,
            answers=like.answers,
            result=like.result,
            jurisdiction=stored.jurisdiction,
            claim_hash=stored.claim_hash,
            root=stored.root,
            replaces=stored.replaces,
            replaced_by=await self._store.replaced_by(footprint_id),
            made_at=stored.made_at,
        )

    def release_of(self, stored: StoredFootprint) -> Release:
        """Return the release that the footprint was computed with."""
        return self._load(stored.release)

    def recompute(self, stored: StoredFootprint) -> Result:
        """Return the lines of an old footprint from its own place, answers, distances and release (F2)."""
        answers, release = read_answers(stored.answers), self.release_of(stored)
        return compute(answers, scene=stored.place, release=release, distances_km=stored.distances_km)

    def reduction(self, stored: StoredFootprint, computed: Result) -> Reduction | None:
        """Return how the guest of a footprint, computed again, could have travelled lighter."""
        answers, release = read_answers(stored.answers), self.release_of(stored)
        return best_reduction(answers, computed, scene=stored.place, release=release)

    async def listed(self, events: Sequence[Envelope[ProjectListed]]) -> None:
        """Keep prices to show what neutralising costs."""
        await self._store.prices.keep(events)

    async def issued(self, events: Sequence[Envelope[CertificateIssued]]) -> None:
        """Show footprints as neutralised."""
        for event in events:
            await self._store.cover(event.data.certificate_id, event.data.footprint_ids)

    async def revoked(self, events: Sequence[Envelope[CertificateRevoked]]) -> None:
        """Show footprints as open again."""
        for event in events:
            await self._store.uncover(event.data.certificate_id)

    async def project_figures(self) -> None:
        """Bring the figures of scenes up to their footprints; what another replica counts at this moment is its own."""
        async for footprints in self._store.figures.uncounted():
            roots: dict[str, set[str]] = {}
            for footprint in footprints:
                if footprint.scene_id:
                    roots.setdefault(footprint.scene_id, set()).add(footprint.root)
            try:
                for scene_id, of_scene in roots.items():
                    await self._project(scene_id, of_scene)
            except LostRace:
                return
            await self._store.figures.counted(footprints)

    async def _project(self, scene_id: str, roots: Collection[str]) -> None:
        """Let the figures of a scene hold these chains as they are. Raises LostRace."""
        # The figures are read first: who is slower than another writes nothing older than what that one has read.
        before = await self._store.figures.load(scene_id)
        chains = await self._store.figures.chains(roots)
        after = {root: figures_of(chain.members) for root, chain in chains.items()}
        await self._store.figures.record(before, chains, after)


def _same_wish(stored: StoredFootprint, wanted: Wanted) -> StoredFootprint:
    """Return the footprint of this key. Raises KeyReused when it was made from another request."""
    check_same(stored.request_hash, wanted.request_hash)
    return stored
