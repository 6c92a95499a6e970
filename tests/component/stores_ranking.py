"""The queries of ranking, among rebuilds that have ended and the parts of another snapshot."""

from __future__ import annotations

import secrets
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from services.ranking.domain.boards import Boards
from services.ranking.domain.comparison import Comparison, Progress
from services.ranking.domain.facts import Facts, Revoked
from services.ranking.store import Head, Store
from shared.mongodb import Database, Document
from tests.component.stores import Stored

NOW = datetime.now(UTC).replace(microsecond=0)
HEAD = Head("one", NOW, "code", "log", 0, None, {("certificate.issued", 3): 17})
FOUND = Comparison(facts=1, facts_differ=0, boards=1, boards_differ=0)


async def opened(database: Database) -> Store:
    """Return the store of ranking, prepared."""
    store = Store(database)
    await store.prepare()
    return store


async def fill(database: Database, numbers: range) -> None:
    """Add so many rebuilds that have ended, and so many parts of a snapshot that another replica writes."""
    documents: dict[str, list[Document]] = {kind: [] for kind in ("rebuilds", "rebuild_progress", "snapshot_parts")}
    for number in numbers:
        documents["rebuilds"].append(
            {
                "_id": number + 1,
                "number": number + 1,
                "key": f"filling {number}",
                "requested_at": NOW,
                "requested_by": "operator",
            }
        )
        ended = asdict(Progress(f"ranking-{number % 3}", folded=1, to_fold=1, comparison=FOUND))
        documents["rebuild_progress"].append({"rebuild": number + 1, **ended})
        # Of a clock that is a little ahead, so that no other snapshot's end drops it.
        at = NOW + timedelta(minutes=30)
        documents["snapshot_parts"].append(
            {
                "_id": f"filling/{number}",
                "snapshot": "filling",
                "number": number,
                "kind": "names",
                "taken_at": at,
                "rows": b"x",
            }
        )
    for collection, some in documents.items():
        await database[collection].insert_many(some, ordered=False)


def some_facts() -> Facts:
    """Return facts that go into one part."""
    return {**Boards().facts(), "revocations": {"cert_1": Revoked("cert_1")}}


async def keep(store: Store) -> Head:
    """Write a snapshot; it is the last one."""
    head = replace(HEAD, name=secrets.token_hex(8), taken_at=datetime.now(UTC))
    await store.claim(head.name, head.taken_at)
    assert await store.keep(head, some_facts())
    return head


async def read_facts(store: Store) -> None:
    """Write a snapshot, find it and read it."""
    await keep(store)
    head = (await store.heads("code", "log", now=datetime.now(UTC)))[0]
    assert [part async for part in store.facts(head)]


RANKING = Stored(
    service="ranking",
    open=opened,
    fill=fill,
    parts={"": Store},
    queries={
        "claim": lambda store: store.claim(secrets.token_hex(8), NOW),
        "keep": keep,
        "heads": lambda store: store.heads("no code", "log", now=NOW),
        "heads: and their facts": read_facts,
        "request_rebuild": lambda store: store.request_rebuild(secrets.token_hex(8), at=NOW, by="operator"),
        "last_rebuild": lambda store: store.last_rebuild(),
        "last_rebuild: after": lambda store: store.last_rebuild(after=10**15),
        "acknowledge": lambda store: store.acknowledge(7, secrets.token_hex(8)),
        "write_progress": lambda store: store.write_progress(7, Progress(secrets.token_hex(8), 1, 2)),
        "forget_unfinished": lambda store: store.forget_unfinished("nobody"),
        "requested_at": lambda store: store.requested_at(10**15),
        "progress": lambda store: store.progress(10**15),
    },
    left_out={"prepare": "creates the indexes", "ping": "reads nothing"},
    reads_on={
        "last_rebuild": "once at a start, the greatest number of all rebuilds",
        "request_rebuild": "by staff alone, the greatest number of all rebuilds",
    },
)
