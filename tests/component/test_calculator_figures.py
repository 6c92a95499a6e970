"""The running figures of scenes are what their footprints say, whatever came when, twice, or was cut off in between."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from services.calculator.domain.figures import Figures, Member, figures_of
from services.calculator.factors import LATEST, load_release
from services.calculator.handlers import Handlers
from services.calculator.store.store import Store
from shared.messaging.outbox import clock
from shared.mongodb import Database, connect
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.conftest import Infra

SCENE, ELSEWHERE = id_of("scn", "here"), id_of("scn", "elsewhere")
NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Cut(Exception):
    """The process ends here."""


class Ending:
    """A collection whose process ends before its n-th write from now, counted over all that share `cut`."""

    def __init__(self, collection: Any, cut: list[int]) -> None:
        self._collection, self._cut = collection, cut

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._collection, name)
        if name not in {"update_one", "update_many", "insert_one", "bulk_write"}:
            return real

        async def write(*args: Any, **named: Any) -> Any:
            if self._cut and self._cut[0] == 0:
                raise Cut
            done = await real(*args, **named)
            if self._cut:
                self._cut[0] -= 1
            return done

        return write


def store_of(place: Database) -> Store:
    return Store(place, livemode=False, wake=lambda: None)


def handlers_of(store: Store) -> Handlers:
    return Handlers(store, clock, load_release, LATEST, secret="s", footprints_per_address_max=1)


def footprint(footprint_id: str, *, root: str, replaces: str | None, grams: int, **changes: Any) -> dict[str, Any]:
    """A footprint as the store writes it, as far as figures look at it."""
    return {
        "_id": footprint_id,
        "scene_id": SCENE,
        "role": "guest",
        "root": root,
        "replaces": replaces,
        "grams": grams,
        "certificates": [],
        "uncounted": True,
        "made_at": NOW,
        "version": 1,
        **changes,
    }


async def anew(place: Database, scene_id: str = SCENE) -> Figures:
    """Sum the footprints of a scene as a rebuild from nothing would, sharing no code with the projection."""
    chains: dict[str, list[Member]] = {}
    async for one in place["footprints"].find({"scene_id": scene_id, "role": "guest"}):
        chains.setdefault(one["root"], []).append(
            Member(one["_id"], one["replaces"], one["grams"], bool(one["certificates"]))
        )
    return sum(map(figures_of, chains.values()), start=Figures())


async def live(place: Database, scene_id: str = SCENE) -> Figures:
    found = await place["figures"].find_one({"_id": scene_id})
    if found is None:
        return Figures()
    assert found["pending"] == []
    return Figures(found["guests"], found["counted_grams"], found["neutralised_grams"])


@pytest_asyncio.fixture
async def place(settings: Callable[..., Any]) -> AsyncIterator[Database]:
    opened = database(settings("calculator"))
    await store_of(opened).prepare()
    yield opened
    opened.client.close()


async def test_a_scene_shows_its_guests_from_five_on_and_what_certificates_cover(place: Database) -> None:
    store = store_of(place)
    handlers = handlers_of(store)
    ids = [id_of("fp", str(number)) for number in range(5)]
    await place["footprints"].insert_many(
        [footprint(one, root=one, replaces=None, grams=100 + number) for number, one in enumerate(ids[:4])]
    )
    await handlers.project_figures()
    assert await store.figures.of([SCENE, ELSEWHERE]) == {SCENE: Figures(), ELSEWHERE: Figures()}
    assert await live(place) == Figures(4, 406, 0)
    await place["footprints"].insert_one(footprint(ids[4], root=ids[4], replaces=None, grams=104))
    await store.cover(id_of("cert", "a"), (ids[0], ids[4]))
    await handlers.project_figures()
    assert (await store.figures.of([SCENE]))[SCENE] == Figures(5, 510, 204)
    assert await place["footprints"].count_documents({"uncounted": True}) == 0


async def test_accounts_of_organisers_and_years_of_life_are_in_no_figures(place: Database) -> None:
    own, year = id_of("fp", "own"), id_of("fp", "year")
    await place["footprints"].insert_many(
        [
            footprint(own, root=own, replaces=None, grams=5, role="organiser", uncounted=False),
            footprint(year, root=year, replaces=None, grams=5, scene_id=None, uncounted=False),
        ]
    )
    await store_of(place).cover(id_of("cert", "a"), (own, year))
    await handlers_of(store_of(place)).project_figures()
    assert await place["figures"].count_documents({}) == 0
    assert await place["footprints"].count_documents({"uncounted": True}) == 0


async def test_a_certificate_that_is_issued_again_after_its_revocation_takes_no_other_s_cover_away(
    place: Database,
) -> None:
    store, one = store_of(place), id_of("fp", "one")
    await place["footprints"].insert_one(footprint(one, root=one, replaces=None, grams=7))
    first, second = id_of("cert", "first"), id_of("cert", "second")
    await store.cover(second, (one,))
    # The messages of the first come twice, late, and after those of the second.
    for _ in range(2):
        await store.cover(first, (one,))
        await store.uncover(first)
    await store.cover(first, (one,))
    found = await place["footprints"].find_one({"_id": one})
    assert found is not None
    assert found["certificates"] == [second]


async def test_a_certificate_that_is_issued_again_after_its_revocation_is_not_counted_for_a_moment(
    place: Database,
) -> None:
    store, one, revoked = store_of(place), id_of("fp", "one"), id_of("cert", "revoked")
    await place["footprints"].insert_one(footprint(one, root=one, replaces=None, grams=7))
    await store.cover(revoked, (one,))
    await store.uncover(revoked)
    await handlers_of(store).project_figures()
    before = await place["footprints"].find_one({"_id": one})
    await store.cover(revoked, (one,))
    # Whoever counts at any moment of that finds nothing to count.
    assert await place["footprints"].find_one({"_id": one}) == before


async def test_footprints_of_an_earlier_version_are_counted_from_the_start_on_with_their_certificates(
    place: Database,
) -> None:
    ids = [id_of("fp", f"old {number}") for number in range(7)]
    old = [footprint(one, root=one, replaces=None, grams=10) for one in ids]
    for number, one in enumerate(old):
        del one["certificates"], one["uncounted"]
        one["certificate_id"] = id_of("cert", "old") if number < 2 else None
    await place["footprints"].insert_many(old)
    await place["footprints"].create_index(
        "replaces", unique=True, partialFilterExpression={"replaces": {"$type": "string"}}
    )
    await place["footprints"].create_index("scene_id")
    await place["windows"].insert_one({"_id": "a hash of an address"})
    store = store_of(place)
    await store.prepare()
    await store.prepare()
    await handlers_of(store).project_figures()
    assert await live(place) == Figures(7, 70, 20)
    await store.uncover(id_of("cert", "old"))
    await handlers_of(store).project_figures()
    assert await live(place) == Figures(7, 70, 0)
    assert await place["footprints"].count_documents({"certificate_id": {"$exists": True}}) == 0
    assert not {"replaces_1", "scene_id_1"} & set(await place["footprints"].index_information())
    assert "windows" not in await place.list_collection_names()


@dataclass
class Story:
    """Chains of footprints and certificates of one scene, by number; each act may come at any time, and again."""

    place: Database
    made: dict[str, tuple[str, int]] = field(default_factory=dict)
    last: dict[int, tuple[str, int]] = field(default_factory=dict)

    async def act(self, store: Store, act: tuple[str, int, int]) -> None:
        what, chain, number = act
        root = id_of("fp", f"root {chain}")
        match what:
            case "make":
                before, length = self.last.get(chain, (None, 0))
                new = root if before is None else id_of("fp", f"chain {chain} {length}")
                await self.place["footprints"].insert_one(footprint(new, root=root, replaces=before, grams=number + 1))
                self.last[chain] = (new, length + 1)
            case "cover":
                members = [one["_id"] async for one in self.place["footprints"].find({"root": root}, {"_id": 1})]
                if members:
                    await store.cover(id_of("cert", f"{chain} {number}"), (sorted(members)[number % len(members)],))
            case "uncover":
                await store.uncover(id_of("cert", f"{chain} {number}"))


ACTS = st.tuples(st.sampled_from(["make", "make", "cover", "uncover"]), st.integers(0, 2), st.integers(0, 3))


@examples(max_examples=25, deadline=None, derandomize=True)
@given(acts=st.lists(ACTS, max_size=14), counts=st.sets(st.integers(0, 13)), cut=st.integers(0, 12))
def test_after_any_story_the_figures_are_those_of_a_rebuild_also_when_a_replica_ended_in_between(
    infra: Infra, acts: list[tuple[str, int, int]], counts: set[int], cut: int
) -> None:
    async def walk(place: Database) -> None:
        story, store = Story(place), store_of(place)
        await store.prepare()
        ends = [cut]
        dying = store_of(place)
        for collection in ("_figures", "_footprints"):
            setattr(dying.figures, collection, Ending(getattr(dying.figures, collection), ends))
        for number, act in enumerate(acts):
            await story.act(store, act)
            if number in counts:
                with contextlib.suppress(Cut):
                    await handlers_of(dying).project_figures()
        await handlers_of(store).project_figures()
        assert await live(place) == await anew(place)
        assert await place["footprints"].count_documents({"uncounted": True}) == 0

    async def opened() -> None:
        client = connect(infra.mongodb_url(f"calculator_{secrets.token_hex(4)}"))
        await walk(client.get_default_database())
        await client.drop_database(client.get_default_database().name)
        client.close()

    asyncio.run(opened())
