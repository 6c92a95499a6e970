"""The queries of certificates, among certificates that are issued or wait, and the copies that they are made from."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from services.certificates.domain.certificate import Certificate, Project, Scene
from services.certificates.domain.decide import Copies, Issuer, settled, with_event
from services.certificates.domain.names import Holder, HolderName
from services.certificates.domain.throttle import window_of_codes
from services.certificates.store import Store
from shared.contracts.event import Cause
from shared.mongodb import Database, Document
from shared.throttle.store import WindowCounts
from shared.throttle.window import Window
from shared.web.idempotency import id_of
from tests.component.stores import Stored
from tests.unit.certificates.story import Story

NOW = datetime(2026, 11, 26, 6, 2, 15, tzinfo=UTC)
CAUSE = Cause(id="test")
ISSUER = Issuer(names={"en": "Exchange (demo)"}, secret="secret")
NOBODY = {kind: id_of(kind, "nobody") for kind in ("ord", "ben", "scn", "prj", "cert")}


def story_of(name: str) -> Story:
    """Return a story whose ids follow from its name."""
    kinds = {"order_id": "ord", "project_id": "prj", "scene_id": "scn", "beneficiary_id": "ben", "footprint_id": "fp"}
    return Story(**{field: id_of(kind, name) for field, kind in kinds.items()})


def waiting(story: Story) -> Certificate:
    """Return the certificate of a story that has come as far as its purchase."""
    certificate = with_event(None, story.purchased().data)
    assert certificate is not None
    return certificate


def issued(story: Story) -> Certificate:
    """Return the certificate of a whole story."""
    scene, project = story.published().data, story.listed().data
    copies = Copies(
        scene=Scene(scene_id=scene.scene_id, names=scene.names),
        project=Project(project_id=project.project_id, names=project.names, standard=project.standard),
        holder=Holder(names=(HolderName(sequence=1, name="Lin Yue (demo)", corrects=(), named_at=NOW),)),
    )
    certificate = with_event(waiting(story), story.retired().data)
    assert certificate is not None
    return settled(certificate, copies, issuer=ISSUER, now=NOW)


async def opened(database: Database) -> Store:
    """Return the store of certificates, prepared."""
    store = Store(database, livemode=False, wake=lambda: None)
    await store.prepare()
    return store


async def fill(database: Database, numbers: range) -> None:
    """Add so many certificates, by turns issued and waiting, with the copies that they name, and as many windows."""
    documents: dict[str, list[Document]] = {
        kind: [] for kind in ("certificates", "scenes", "projects", "holders", "unknown_codes")
    }
    for number in numbers:
        story = story_of(f"filling {number}")
        certificate = issued(story) if number % 2 else waiting(story)
        documents["certificates"].append(
            {
                **certificate.model_dump(exclude_defaults=True),
                "_id": certificate.certificate_id,
                "awaiting": certificate.facts is None,
                "version": 1,
                "said": 1,
                "outbox": [],
            }
        )
        scene, project = story.published().data, story.listed().data
        documents["scenes"].append({"_id": story.scene_id, "names": scene.names, "sequence": 1})
        documents["projects"].append(
            {"_id": story.project_id, "names": project.names, "standard": "CDCER", "sequence": 1}
        )
        name = {"sequence": 1, "name": "Lin Yue (demo)", "corrects": [], "named_at": NOW}
        documents["holders"].append({"_id": story.beneficiary_id, "sequence": 1, "names": [name]})
        documents["unknown_codes"].append(
            {"_id": f"filling {number}", "count": 1, "ends_at": NOW + timedelta(days=900)}
        )
    for collection, some in documents.items():
        await database[collection].insert_many(some, ordered=False)


async def record(store: Store) -> None:
    """Insert a certificate that waits, and issue it."""
    story = story_of(secrets.token_hex(8))
    await store.record(None, waiting(story), [], now=NOW, cause=CAUSE)
    loaded = (await store.certificates([story.certificate_id]))[story.certificate_id]
    await store.record(loaded, issued(story), [], now=NOW, cause=CAUSE)


def new_hour() -> Window:
    """Return an hour of a network that nothing is counted for."""
    return window_of_codes(secrets.token_hex(8), "192.0.2.1", datetime.now(UTC))


CERTIFICATES = Stored(
    service="certificates",
    open=opened,
    fill=fill,
    parts={"": Store, "unknown_codes": WindowCounts},
    queries={
        "certificates": lambda store: store.certificates([NOBODY["cert"]] * 3),
        "with_code": lambda store: store.with_code("0000-0000-0000"),
        "of_order": lambda store: store.of_order(NOBODY["ord"]),
        "record": record,
        "waiting_for_scenes": lambda store: store.waiting_for_scenes([NOBODY["scn"]]),
        "waiting_for_projects": lambda store: store.waiting_for_projects([NOBODY["prj"]]),
        "waiting_for_holders": lambda store: store.waiting_for_holders([NOBODY["ben"]]),
        "held_by": lambda store: store.held_by([NOBODY["ben"]]),
        "copies_for": lambda store: store.copies_for({"one": waiting(story_of("nobody"))}),
        "keep_scenes": lambda store: store.keep_scenes([story_of(secrets.token_hex(8)).published()]),
        "keep_projects": lambda store: store.keep_projects([story_of(secrets.token_hex(8)).listed()]),
        "keep_names": lambda store: store.keep_names([story_of(secrets.token_hex(8)).named()]),
        "unknown_codes.count": lambda store: store.unknown_codes.count(new_hour()),
        "unknown_codes.add": lambda store: store.unknown_codes.add(new_hour()),
        "unknown_codes.admit": lambda store: store.unknown_codes.admit(new_hour(), count_max=1),
    },
    left_out={
        "prepare": "creates the indexes",
        "ping": "reads nothing",
        "unknown_codes.prepare": "creates the index",
    },
)
