"""Figures of scenes while several replicas count at once."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import random

import pytest

from services.calculator.domain.figures import Figures, figures_of
from services.calculator.store.store import Store
from shared.messaging.failures import LostRace
from shared.mongodb import Database
from shared.web.idempotency import id_of
from tests.component.test_calculator_figures import (  # noqa: F401 -- the fixtures are used by name
    SCENE,
    Story,
    anew,
    footprint,
    handlers_of,
    live,
    place,
    store_of,
)


async def test_replicas_that_count_the_same_scene_at_once_leave_the_figures_of_a_rebuild(place: Database) -> None:
    chance = random.Random(7)
    stores = [store_of(place) for _ in range(3)]
    story = Story(place)
    done = asyncio.Event()

    async def count(store: Store) -> None:
        while not done.is_set():
            await handlers_of(store).project_figures()
            await asyncio.sleep(0)

    counting = [asyncio.create_task(count(store)) for store in stores]
    for _ in range(60):
        what = chance.choice(["make", "cover", "cover", "uncover"])
        await story.act(chance.choice(stores), (what, chance.randrange(6), chance.randrange(3)))
    done.set()
    await asyncio.gather(*counting)
    await handlers_of(stores[0]).project_figures()
    assert await live(place) == await anew(place)
    assert (await live(place)).guests == len(story.last)


@pytest.mark.parametrize("earlier", [0, 1])
async def test_a_replica_that_read_before_another_wrote_writes_nothing(place: Database, earlier: int) -> None:
    one, other = store_of(place).figures, store_of(place).figures
    for number in range(earlier):
        before = id_of("fp", f"earlier {number}")
        await place["footprints"].insert_one(footprint(before, root=before, replaces=None, grams=1))
        await handlers_of(store_of(place)).project_figures()
    root = id_of("fp", "root")
    await place["footprints"].insert_one(footprint(root, root=root, replaces=None, grams=9))
    loaded, chains = await one.load(SCENE), await one.chains([root])
    after = {root: figures_of(chains[root].members)}
    await other.record(await other.load(SCENE), chains, after)
    with pytest.raises(LostRace):
        await one.record(loaded, chains, after)
    await one.record(await one.load(SCENE), await one.chains([root]), after)
    assert await live(place) == Figures(1 + earlier, 9 + earlier, 0)


async def test_what_a_slow_replica_still_writes_of_an_older_count_changes_nothing(place: Database) -> None:
    store, root = store_of(place), id_of("fp", "root")
    await place["footprints"].insert_one(footprint(root, root=root, replaces=None, grams=9))
    await handlers_of(store).project_figures()
    await store.cover(id_of("cert", "a"), (root,))
    await handlers_of(store).project_figures()
    await store.figures._end(SCENE, 1, [{"root": root, "guests": 1, "counted_grams": 9, "neutralised_grams": 0}])
    assert (await store.figures.chains([root]))[root].counted == Figures(1, 9, 9)
    await store.uncover(id_of("cert", "a"))
    await handlers_of(store).project_figures()
    assert await live(place) == Figures(1, 9, 0)


async def test_a_footprint_that_is_covered_while_it_is_counted_is_counted_again(place: Database) -> None:
    store, root = store_of(place), id_of("fp", "root")
    await place["footprints"].insert_one(footprint(root, root=root, replaces=None, grams=9))
    (read,) = [chunk async for chunk in store.figures.uncounted()]
    chains = await store.figures.chains([root])
    await store.cover(id_of("cert", "a"), (root,))
    await store.figures.record(await store.figures.load(SCENE), chains, {root: Figures(1, 9, 0)})
    await store.figures.counted(read)
    await handlers_of(store).project_figures()
    assert await live(place) == Figures(1, 9, 9)
