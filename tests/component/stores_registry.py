"""The queries of the registry, among the pages of one long chain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.registry.domain.ledger import NO_PAGE, Batch, Entry, Listing, Page, sealed
from services.registry.domain.proof import ReservesProof
from services.registry.store.recounts import Recounts
from services.registry.store.store import Store
from shared.web.idempotency import id_of
from tests.component.stores import Stored
from tests.component.test_registry import LISTING

NOW = datetime(2026, 11, 26, tzinfo=UTC)
LONG, NOBODY = id_of("prj", "filling"), id_of("prj", "nobody")
BATCH = id_of("bat", "filling")
PROOF = ReservesProof(NOW, NOW, 0.0, ())


async def opened(database: Any) -> Store:
    """Return the store of the registry, prepared, with the lease to recount."""
    store = Store(database, livemode=False, wake=lambda: None)
    await store.prepare()
    await store.recounts.take()
    return store


async def fill(database: Any, numbers: range) -> None:
    """Add so many pages of one claim each to the chain, published."""
    pages = [_page(number).model_dump(mode="json") for number in numbers]
    await database["pages"].insert_many(
        [{"_id": f"{LONG}.{page['sequence']:012d}", **page} for page in pages], ordered=False
    )
    await database["places"].update_one({"_id": LONG}, {"$set": {"next": numbers.stop + 1}}, upsert=True)


def _page(number: int) -> Page:
    batch = Batch(
        batch_id=BATCH, report_hash="0" * 64, prefix="CDCER-CN510100-0042-2021-01", vintage=2021, number=1,
        serial_start=1, serial_end=10**6, external_serial=None,
        available=10**12 - number - 1, held=0, allocated=number + 1, cancelled=0,
    )  # fmt: skip
    order = id_of("ord", f"filling {number}")
    return sealed(
        project_id=LONG,
        sequence=number + 1,
        day="2026-11-26",
        previous=NO_PAGE,
        entries=(Entry(key=f"end:{order}", kind="post", order_id=order, grams=1, sequence=1),),
        listing=Listing(version=1, summary={}, currency="CNY", status="listed", **LISTING),
        batches=(batch,),
    )


async def _raw_pages(store: Store) -> None:
    assert [page["sequence"] async for page in store.raw_pages(LONG, after=20, limit=20)] == list(range(21, 41))
    await store.pages_from(LONG, 21)


REGISTRY = Stored(
    service="registry",
    open=opened,
    fill=fill,
    parts={"": Store, "recounts": Recounts},
    queries={
        "head": lambda store: store.head(LONG),
        "heads": lambda store: store.heads(),
        "page": lambda store: store.page(LONG, 21),
        "pages_from": _raw_pages,
        "entries": lambda store: store.entries([f"end:{id_of('ord', 'nobody')}", f"end:{id_of('ord', 'filling 7')}"]),
        "earlier": lambda store: store.earlier([f"end:{id_of('ord', 'filling 7')}"], LONG, 1),
        "project_ids": lambda store: store.project_ids(),
        "open_place": lambda store: store.open_place(NOBODY),
        "page_with": lambda store: store.page_with(f"end:{id_of('ord', 'filling 7')}"),
        "head_of_identity": lambda store: store.head_of_identity(f"end:{id_of('ord', 'filling 7')}"),
        "page_allocating": lambda store: store.page_allocating(LONG, BATCH, 30, after=20),
        "recounts.take": lambda store: store.recounts.take(),
        "recounts.request": lambda store: store.recounts.request(),
        "recounts.requests": lambda store: store.recounts.requests(),
        "recounts.note": lambda store: store.recounts.note(7),
        "recounts.record": lambda store: store.recounts.record(PROOF, pages_counted=7),
        "recounts.last": lambda store: store.recounts.last(),
    },
    left_out={
        **dict.fromkeys(("prepare", "recounts.prepare"), "at the start"),
        "ping": "reads nothing",
        "append": "an insert",
    },
)
