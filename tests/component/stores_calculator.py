"""The queries of the calculator, among scenes, footprints that are counted and covered, and listings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.calculator.domain.figures import Figures
from services.calculator.domain.scenes import Scene
from services.calculator.store.figures import Chain, FiguresProjection, SceneFigures, Uncounted
from services.calculator.store.prices import LowestPrice
from services.calculator.store.store import Store
from shared.contracts.event import Cause
from shared.throttle.store import WindowCounts
from shared.throttle.window import window
from shared.web.idempotency import id_of
from tests.component.stores import Stored
from tests.component.test_calculator import SCENE
from tests.component.test_calculator_copies import listed

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CAUSE = Cause(id="test")
NOBODY = {kind: id_of(kind, "nobody") for kind in ("scn", "fp", "cert")}
HERE = window("s", purpose="test", address="203.0.113.7", now=NOW)
FOUND = Scene.model_validate({**SCENE, "code": "FOUND"})


async def opened(database: Any) -> Store:
    """Return the store of the calculator, prepared, with its directory read."""
    store = Store(database, livemode=False, wake=lambda: None)
    await store.prepare()
    return store


async def fill(database: Any, numbers: range) -> None:
    """Add so many scenes, each with a chain of two footprints, its figures, a certificate, a listing and a window."""
    scene = FOUND.model_dump(mode="json")
    documents: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("scenes", "footprints", "figures", "certificates", "projects", "throttle")
    }
    for number in numbers:
        name = f"filling {number}"
        scene_id, root, new = id_of("scn", name), id_of("fp", name), id_of("fp", f"{name} again")
        common = {"version": 1, "said": 1, "outbox": []}
        documents["scenes"].append(
            {**common, "_id": scene_id, "scene": {**scene, "code": f"F{number:07}"}, "changed_in": number % 1000}
        )
        footprint = {"scene_id": scene_id, "role": "guest", "root": root, "grams": 7, "claim_hash": "0" * 64}
        for footprint_id, replaces in ((root, None), (new, root)):
            certificates = [id_of("cert", name)] if replaces else []
            more = {"replaces": replaces, "certificates": certificates, "uncounted": False}
            documents["footprints"].append({**common, **footprint, **more, "_id": footprint_id})
        figures = {"guests": 1, "counted_grams": 7, "neutralised_grams": 7, "version": 1, "pending": []}
        documents["figures"].append({"_id": scene_id, **figures})
        documents["certificates"].append({"_id": id_of("cert", name), "footprint_ids": [new]})
        documents["projects"].append({"_id": id_of("prj", name), "status": "listed", "unit_price_fen": 10**6 + number,
                                      "currency": "CNY", "sequence": 1})  # fmt: skip
        documents["throttle"].append({"_id": name, "count": 1, "ends_at": datetime(2100, 1, 1, tzinfo=UTC)})
    for collection, some in documents.items():
        await database[collection].insert_many(some, ordered=False)


async def _changed(store: Store) -> None:
    await store.insert_scene(NOBODY["scn"], FOUND, now=NOW, cause=CAUSE)
    loaded = await store.scene_by_id(NOBODY["scn"])
    assert loaded is not None
    await store.change_scene(loaded, FOUND, now=NOW, cause=CAUSE)


async def _uncounted(store: Store) -> None:
    async for _ in store.figures.uncounted():
        raise AssertionError("all are counted")
    await store.figures.counted([Uncounted(NOBODY["fp"], NOBODY["fp"], NOBODY["scn"], ())])


CALCULATOR = Stored(
    service="calculator",
    open=opened,
    fill=fill,
    parts={"": Store, "figures": FiguresProjection, "prices": LowestPrice, "throttle": WindowCounts},
    queries={
        "scene": lambda store: store.scene("NOWHERE"),
        "scene_by_id": lambda store: store.scene_by_id(NOBODY["scn"]),
        "scenes": lambda store: store.scenes("f0000001", now=NOW, limit=50),
        "scenes: all": lambda store: store.scenes("", now=NOW, limit=50),
        "scenes: after": lambda store: store.scenes(
            "", now=NOW, after=(False, "F0000009", id_of("scn", "filling 9")), limit=40
        ),
        "insert_scene": lambda store: store.insert_scene(NOBODY["scn"], FOUND, now=NOW, cause=CAUSE),
        "change_scene": _changed,
        "footprint": lambda store: store.footprint(NOBODY["fp"]),
        "replaced_by": lambda store: store.replaced_by(NOBODY["fp"]),
        "claim_hash": lambda store: store.claim_hash(NOBODY["fp"]),
        "cover": lambda store: store.cover(NOBODY["cert"], (NOBODY["fp"],)),
        "uncover": lambda store: store.uncover(NOBODY["cert"]),
        "figures.of": lambda store: store.figures.of([NOBODY["scn"], id_of("scn", "filling 1")]),
        "figures.load": lambda store: store.figures.load(NOBODY["scn"]),
        "figures.chains": lambda store: store.figures.chains([NOBODY["fp"], id_of("fp", "filling 1")]),
        "figures.record": lambda store: store.figures.record(
            SceneFigures(id_of("scn", "filling 1"), Figures(1, 7, 7), 1),
            {"fp": Chain((), Figures())},
            {"fp": Figures()},
        ),
        "figures.counted: after those that are uncounted": _uncounted,
        "prices.lowest_fen": lambda store: store.prices.lowest_fen(),
        "prices.keep": lambda store: store.prices.keep([listed("kept", sequence=1)]),
        "throttle.count": lambda store: store.throttle.count(HERE),
        "throttle.add": lambda store: store.throttle.add(HERE),
        "throttle.admit": lambda store: store.throttle.admit(HERE, count_max=1),
    },
    left_out={
        **dict.fromkeys(("prepare", "figures.prepare", "prices.prepare", "throttle.prepare"), "at the start"),
        "ping": "reads nothing",
        "add_footprint": "an insert, and a look at its own id",
    },
    reads_on={"prices.keep": "looks for the lowest price when a listing comes, by status and price"},
)
