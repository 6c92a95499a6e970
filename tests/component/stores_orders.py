"""The queries of orders, among orders that have ended, their footprints, their chains and their beneficiaries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.orders.domain.balance import Chain
from services.orders.domain.beneficiary import MANDATE_VERSION, Beneficiary
from services.orders.domain.beneficiary import make as make_beneficiary
from services.orders.domain.beneficiary import Naming
from services.orders.store.chains import Chains, Uncounted
from services.orders.store.copies import Copies
from services.orders.store.documents import beneficiary_document, order_document
from services.orders.store.store import Store
from shared.contracts.event import Cause
from shared.web.idempotency import id_of
from tests.component.stores import Stored
from tests.unit.orders.examples import NOW, PROJECT, footprint, in_every_state, known, made, offered, Wish

CAUSE = Cause(id="test")
LATER = NOW + timedelta(days=1)
NOBODY = {kind: id_of(kind, "nobody") for kind in ("ord", "fp", "pay", "ben", "scn")}


async def opened(database: Any) -> Store:
    """Return the store of orders, prepared, with the few documents that its queries find."""
    store = Store(database, livemode=False, wake=lambda: None)
    await store.prepare()
    return store


async def fill(database: Any, numbers: range) -> None:
    """Add so many completed orders, each with its footprint, its chain and its beneficiary."""
    backing = made(Wish(PROJECT, 3, offered=offered("a")), known(footprint())).order
    order = order_document(in_every_state()["completed"]) | {
        name: value for name, value in order_document(backing).items() if name in {"wish", "priced", "roots"}
    }
    beneficiary = beneficiary_document(
        make_beneficiary(
            Naming(),
            beneficiary_id=id_of("ben", "a"),
            profile_hash="0" * 64,
            request_hash="0" * 64,
            mandate_version=MANDATE_VERSION,
            now=NOW,
        )
    )
    calculated = footprint().model_dump(mode="json")
    chain = {"scene_id": id_of("scn", "a"), "role": "guest", "grams": 1, "standing": "covered", "struck": None}
    documents: dict[str, list[dict[str, Any]]] = {"orders": [], "beneficiaries": [], "footprints": [], "chains": []}
    for number in numbers:
        name = f"filling {number}"
        root, at = id_of("fp", name), NOW + timedelta(seconds=number)
        common = {"version": 1, "said": 3, "outbox": []}
        (claimed,) = order["priced"]["footprints"]
        documents["orders"].append(
            {
                **order,
                **common,
                "_id": id_of("ord", name),
                "created_at": at,
                "buyer": {**order["buyer"], "beneficiary_id": id_of("ben", name)},
                "wish": {**order["wish"], "offered": [{"footprint_id": root, "token_hash": "0" * 64}]},
                "priced": {**order["priced"], "footprints": [{**claimed, "footprint_id": root, "root": root}]},
                "payments": [{**order["payments"][0], "payment_id": id_of("pay", name)}],
                "roots": [root],
            }
        )
        documents["beneficiaries"].append({**beneficiary, **common, "_id": id_of("ben", name)})
        documents["footprints"].append({**calculated, "_id": root, "footprint_id": root, "root": root})
        documents["chains"].append({**chain, "_id": root, "footprint_id": root, "version": 1})
    for collection, some in documents.items():
        await database[collection].insert_many(some, ordered=False)


ORDERS = Stored(
    service="orders",
    open=opened,
    fill=fill,
    parts={"": Store, "copies": Copies, "chains": Chains},
    queries={
        "order": lambda store: store.order(NOBODY["ord"]),
        "orders": lambda store: store.orders([NOBODY["ord"]] * 3),
        "order_of_payment": lambda store: store.order_of_payment(NOBODY["pay"]),
        "waiting_for": lambda store: store.waiting_for([NOBODY["fp"]]),
        "waiting_since": lambda store: store.waiting_since(LATER, after=None, limit=500),
        "waiting_since: after": lambda store: store.waiting_since(LATER, after=(NOW, NOBODY["ord"]), limit=500),
        "overdue": lambda store: store.overdue(LATER, limit=500),
        "giving_back": lambda store: store.giving_back(LATER, limit=200),
        "unanswered": lambda store: store.unanswered(LATER, limit=200),
        "unretired": lambda store: store.unretired(LATER),
        "page": lambda store: store.page(state=None, after=None, limit=51),
        "page: state": lambda store: store.page(state="held", after=None, limit=51),
        "page: owes": lambda store: store.page(state=None, owes=True, after=None, limit=51),
        "page: after": lambda store: store.page(state=None, after=(LATER, NOBODY["ord"]), limit=51),
        "settled_by": lambda store: store.settled_by(NOBODY["ord"]),
        "correctable": lambda store: store.correctable(NOBODY["ben"], since=NOW, name_sequence=9),
        "payables": lambda store: store.payables(),
        "beneficiary": lambda store: store.beneficiary(NOBODY["ben"]),
        "order_hash": lambda store: store.order_hash(NOBODY["ord"]),
        "profile_hash": lambda store: store.profile_hash(NOBODY["ben"]),
        "covering": lambda store: store.covering(NOBODY["fp"]),
        "known": lambda store: store.known([NOBODY["fp"], NOBODY["scn"]], order_id=NOBODY["ord"]),
        "copies.footprints": lambda store: store.copies.footprints([NOBODY["fp"]]),
        "copies.replaced": lambda store: store.copies.replaced([NOBODY["fp"]]),
        "copies.listing": lambda store: store.copies.listing(PROJECT),
        "copies.scene": lambda store: store.copies.scene(NOBODY["scn"]),
        "copies.scene_names": lambda store: store.copies.scene_names([NOBODY["scn"]]),
        "copies.keep_footprints": lambda store: store.copies.keep_footprints([footprint("kept")]),
        "chains.chains": lambda store: store.chains.chains([NOBODY["fp"]]),
        "chains.members": lambda store: store.chains.members([NOBODY["fp"]]),
        "chains.covering": lambda store: store.chains.covering([NOBODY["fp"]]),
        "chains.uncounted": lambda store: store.chains.uncounted(limit=500),
        "chains.counted": lambda store: store.chains.counted([Uncounted(NOBODY["ord"], 1, ())]),
        "chains.balance": lambda store: store.chains.balance(NOBODY["scn"]),
        "chains.page": lambda store: store.chains.page(NOBODY["scn"], "left", limit=51),
    },
)
