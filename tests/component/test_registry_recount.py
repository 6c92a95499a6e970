"""The recount of the ledger: one replica counts, from what is proven on, and all show what it found."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.registry.domain.commands import Hold
from services.registry.domain.decide import next_page
from services.registry.domain.ledger import Page, page_hash
from services.registry.domain.proof import ReservesProof
from services.registry.handlers.recount import REREAD, Recounter
from services.registry.store.recounts import LEASE_SECONDS, Recounts
from services.registry.store.store import PAGES_PER_READ, Store
from shared.contracts.event import Cause
from shared.messaging import outbox
from shared.messaging.lease import LeaseLost
from shared.mongodb import Database
from shared.sentence import Sentence
from shared.web.app import database
from shared.web.idempotency import id_of

BECAUSE = Cause(id="test")
PROJECT, OTHER = id_of("prj", "recount"), id_of("prj", "recounted beside")
PAGES = 2 * PAGES_PER_READ + 50


class Ahead:
    """A clock that can be put forward."""

    by = timedelta()

    def __call__(self) -> datetime:
        return outbox.clock() + self.by


class Counting(Store):
    """A store that counts the pages it gave out."""

    given = 0

    async def raw_pages(self, project_id: str, *, after: int = 0, limit: int = 0) -> AsyncIterator[dict[str, Any]]:
        async for page in super().raw_pages(project_id, after=after, limit=limit):
            self.given += 1
            yield page


class Replica:
    """A replica's store and recounter."""

    def __init__(self, place: Database, clock: Ahead, name: str) -> None:
        self.store = Counting(place, livemode=False, wake=lambda: None)
        self.store.recounts = Recounts(place, clock)
        self.store.recounts.lease.owner = name
        self.recounter = Recounter(self.store, clock)

    async def counts(self) -> int:
        """Recount once; return how many pages were read for that."""
        self.store.given = 0
        await self.recounter.recount()
        return self.store.given

    async def shows(self) -> ReservesProof:
        """Return the proof that this replica shows."""
        proof, _ = await self.store.recounts.last()
        assert proof is not None
        return proof


class Ledger:
    """A ledger of two projects, written page by page."""

    def __init__(self, place: Database, clock: Ahead) -> None:
        self.place, self.clock = place, clock
        self._store = Store(place, livemode=False, wake=lambda: None)
        self._last: dict[str, Page] = {}

    def replica(self, name: str) -> Replica:
        return Replica(self.place, self.clock, name)

    async def write(self, pages: int, project_id: str = PROJECT) -> None:
        """Write so many pages of one refused hold each."""
        await self._store.open_place(project_id)
        for _ in range(pages):
            last = self._last.get(project_id)
            name = f"{project_id} {last.sequence if last else 0}"
            order = Hold(order_id=id_of("ord", name), grams=1, listing_version=1, cause=BECAUSE)
            page = next_page(project_id, last, {}, [order], day="2026-11-24")
            assert page is not None
            await self._store.append(page)
            self._last[project_id] = page

    async def edit(self, sequence: int, /, **changes: Any) -> None:
        """Change a stored page, as somebody who has the database could."""
        edited = {"_id": f"{PROJECT}.{sequence:012d}"}
        done = await self.place["pages"].update_one(edited, {"$set": changes})
        assert done.matched_count == 1


@pytest_asyncio.fixture
async def ledger(settings: Callable[..., Any]) -> AsyncIterator[Ledger]:
    place = database(settings("registry"))
    await Store(place, livemode=False, wake=lambda: None).prepare()
    yield Ledger(place, Ahead())
    place.client.close()


async def test_a_recount_of_many_pages_lets_others_run_after_each(ledger: Ledger) -> None:
    await ledger.write(PAGES)
    replica = ledger.replica("one")
    seen = [0]
    recount = asyncio.create_task(replica.counts())
    while not recount.done():
        seen.append(replica.store.given)
        await asyncio.sleep(0)
    await recount
    (proof,) = (await replica.shows()).projects
    assert (proof.pages, proof.wrong, replica.store.given) == (PAGES, None, PAGES)
    assert max(later - earlier for earlier, later in itertools.pairwise(seen)) == 1


async def test_a_recount_goes_on_from_what_is_proven(ledger: Ledger) -> None:
    await ledger.write(7)
    await ledger.write(2, OTHER)
    replica = ledger.replica("one")
    assert await replica.counts() == 9
    first = await replica.shows()
    await ledger.write(3)
    assert await replica.counts() == 3
    assert await replica.counts() == 0
    proof = await replica.shows()
    assert [(one.project_id, one.pages) for one in proof.projects] == sorted([(PROJECT, 10), (OTHER, 2)])
    assert (proof.reread_at, proof.seconds) == (first.reread_at, first.seconds)
    assert proof.recounted_at > first.recounted_at
    assert (await replica.store.recounts.last())[1] == 12


async def test_s7_an_edit_of_an_old_page_is_found_when_a_whole_recount_is_requested_and_within_a_day(
    ledger: Ledger,
) -> None:
    await ledger.write(9)
    replica, other = ledger.replica("one"), ledger.replica("other")
    await replica.counts()
    await ledger.edit(3, day="2026-11-25")
    await replica.counts()
    assert [one.wrong for one in (await replica.shows()).projects] == [None], "it goes on from what is proven"
    await other.recounter.request()
    await replica.counts()
    (proof,) = (await other.shows()).projects
    assert proof.wrong is not None
    assert (proof.wrong.project_id, proof.wrong.sequence) == (PROJECT, 3)
    assert proof.wrong.reason == "its content does not give its hash"
    assert isinstance(proof.wrong.reason, Sentence)
    await ledger.edit(3, day="2026-11-24")
    await other.recounter.request()
    assert await replica.counts() == 9
    await ledger.edit(5, day="2026-11-25")
    ledger.clock.by = REREAD
    await replica.counts()
    (proof,) = (await replica.shows()).projects
    assert proof.wrong is not None
    assert proof.wrong.sequence == 5


async def test_whatever_stands_on_an_edited_page_is_stored_with_the_proof(ledger: Ledger) -> None:
    await ledger.write(2)
    page = await ledger.place["pages"].find_one({"project_id": PROJECT, "sequence": 2}, {"_id": 0})
    assert page is not None
    long = {"kind": "hold", "order_id": "x" * 100_000, "key": "y"}
    for edited in ({"batches": [{"batch_id": {"no": 2**62}}, 2.5, None]}, {"entries": [long]}, {"entries": 5}):
        content = {**page, **edited}
        await ledger.edit(2, **{**content, "hash": page_hash(content)})
        replica = ledger.replica("one")
        await replica.store.recounts.prepare()
        await replica.counts()
        (proof,) = (await replica.shows()).projects
        assert proof.wrong is not None
        assert (proof.wrong.sequence, len(proof.wrong.reason) < 2_000) == (2, True)


async def test_one_replica_recounts_and_the_others_show_its_result(ledger: Ledger) -> None:
    await ledger.write(4)
    one, other = ledger.replica("one"), ledger.replica("other")
    assert sorted(await asyncio.gather(one.counts(), other.counts())) == [0, 4]
    counts, waits = (one, other) if one.store.given else (other, one)
    await ledger.write(1)
    assert (await waits.counts(), await counts.counts()) == (0, 1)
    assert await waits.shows() == await counts.shows()
    # It ends; another takes over, and proves the whole by itself.
    ledger.clock.by = timedelta(seconds=LEASE_SECONDS + 1)
    assert await waits.counts() == 5
    await ledger.write(1)
    assert (await counts.counts(), await waits.counts()) == (0, 1)


async def test_a_replica_that_starts_again_recounts_at_once(ledger: Ledger) -> None:
    await ledger.write(4)
    assert await ledger.replica("one").counts() == 4
    again = ledger.replica("one")
    await again.store.recounts.prepare()
    assert await again.counts() == 4
    stranger = ledger.replica("stranger")
    await stranger.store.recounts.prepare()
    assert await stranger.counts() == 0


async def test_a_replica_that_lost_the_lease_while_it_counted_stores_nothing(ledger: Ledger) -> None:
    await ledger.write(2)
    one, other = ledger.replica("one"), ledger.replica("other")
    await one.counts()
    shown = await one.shows()
    ledger.clock.by = timedelta(seconds=LEASE_SECONDS + 1)
    assert await other.store.recounts.take() is not None
    await one.counts()
    with pytest.raises(LeaseLost):
        await one.store.recounts.record(shown, pages_counted=7)
    await one.store.recounts.note(7)
    assert await other.store.recounts.last() == (shown, 2)


async def test_a_key_that_stands_on_pages_of_two_projects_is_named(ledger: Ledger) -> None:
    await ledger.write(3)
    await ledger.write(3, OTHER)
    # Without the index, as who writes behind the registry's back would have it.
    await ledger.place["pages"].drop_index("entries.key_1")
    first, second = sorted([PROJECT, OTHER])
    twice = await ledger.place["pages"].find_one({"project_id": first, "sequence": 1})
    before = await ledger.place["pages"].find_one({"project_id": second, "sequence": 3})
    assert twice
    assert before
    page = {**before, "sequence": 4, "previous": before["hash"], "entries": twice["entries"]}
    del page["_id"]
    await ledger.place["pages"].insert_one({**page, "_id": f"{second}.{4:012d}", "hash": page_hash(page)})
    replica = ledger.replica("one")
    await replica.counts()
    good, bad = (await replica.shows()).projects
    assert good.wrong is None
    assert bad.wrong is not None
    assert (bad.wrong.sequence, str(bad.wrong.reason)) == (4, f"the key {twice['entries'][0]['key']} is there twice")


@pytest.mark.parametrize("before", [1, 2])
async def test_earlier_keys_are_those_of_pages_before_or_of_other_projects(ledger: Ledger, before: int) -> None:
    store = Store(ledger.place, livemode=False, wake=lambda: None)
    await ledger.write(2)
    keys = [f"hold:{id_of('ord', f'{PROJECT} {number}')}" for number in range(2)]
    assert await store.earlier([*keys, "end:nothing"], PROJECT, before) == set(keys[: before - 1])
    assert await store.earlier(keys, OTHER, 1) == set(keys)
