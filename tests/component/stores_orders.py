"""The queries of orders, among orders that have ended, their footprints, their chains and their beneficiaries."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

from services.orders.domain.balance.balance import Chain
from services.orders.domain.beneficiary.beneficiary import MANDATE_VERSION, Beneficiary, Naming, named
from services.orders.domain.beneficiary.beneficiary import make as make_beneficiary
from services.orders.domain.order.decide import cancel
from services.orders.domain.order.order import Wish
from services.orders.store.chains import Chains, Uncounted
from services.orders.store.copies import Copies
from services.orders.store.documents import beneficiary_document, order_document
from services.orders.store.payables import COUNTED, Payables
from services.orders.store.store import Store
from shared.contracts.event import Cause
from shared.mongodb import Database, Document
from shared.web.idempotency import id_of
from tests.component.stores import Stored
from tests.component.test_orders_store import SCENE
from tests.conftest import enveloped
from tests.unit.orders.examples import LISTING, NOW, PROJECT, footprint, in_every_state, known, made, offered

CAUSE = Cause(id="test")
LATER = NOW + timedelta(minutes=20)
NOBODY = {kind: id_of(kind, "nobody") for kind in ("ord", "fp", "pay", "ben", "scn")}


def new_id(kind: str) -> str:
    return id_of(kind, secrets.token_hex(8))


def a_beneficiary() -> Beneficiary:
    """A beneficiary that nobody knows."""
    return make_beneficiary(
        Naming(),
        beneficiary_id=new_id("ben"),
        profile_hash="0" * 64,
        request_hash="0" * 64,
        mandate_version=MANDATE_VERSION,
        now=NOW,
    )


async def opened(database: Database) -> Store:
    """Return the store of orders, prepared."""
    store = Store(database, livemode=False, wake=lambda: None)
    await store.prepare()
    return store


async def fill(database: Database, numbers: range) -> None:
    """Add so many orders, each with its footprint, its chain and its beneficiary.

    In turn they are completed, wait for their footprint, or are held with a payment that nobody needs to look up yet.
    """
    backing = order_document(made(Wish(PROJECT, 3, offered=offered("a")), known(footprint())).order)
    examples = in_every_state()
    states = [order_document(examples[state]) for state in ("completed", "waiting", "held")]
    beneficiary = beneficiary_document(a_beneficiary())
    calculated = footprint().model_dump(mode="json")
    chain = {"scene_id": id_of("scn", "a"), "role": "guest", "grams": 1, "standing": "covered", "struck": None}
    documents: dict[str, list[Document]] = {"orders": [], "beneficiaries": [], "footprints": [], "chains": []}
    documents["payables"] = []
    for number in numbers:
        name, order = f"filling {number}", states[number % len(states)]
        root, at = id_of("fp", name), LATER + timedelta(seconds=number)
        common = {"version": 1, "said": 3, "outbox": []}
        (claimed,) = backing["priced"]["footprints"]
        covering = {
            "priced": {**backing["priced"], "footprints": [{**claimed, "footprint_id": root, "root": root}]},
            "roots": [root],
        }
        documents["orders"].append(
            {
                **order,
                **common,
                "_id": id_of("ord", name),
                "created_at": at,
                "deadline": at,
                "buyer": {**order["buyer"], "beneficiary_id": id_of("ben", name)},
                "wish": {**backing["wish"], "offered": [{"footprint_id": root, "token_hash": "0" * 64}]},
                "payments": [{**one, "payment_id": id_of("pay", name)} for one in order["payments"]],
                **(covering if order["live"] else {}),
                **({"ask_at": at} if order["ask_at"] else {}),
                **({"payable": COUNTED} if order["state"] == "completed" else {}),
            }
        )
        documents["beneficiaries"].append({**beneficiary, **common, "_id": id_of("ben", name)})
        documents["footprints"].append({**calculated, "_id": root, "footprint_id": root, "root": root})
        owner = {"owner_id": f"own_filling {number:07}", "currency": "CNY"}
        documents["payables"].append(
            {**owner, "_id": f"{owner['owner_id']} CNY", "orders": 1, "grams": 1, "subtotal_fen": 1}
        )
        documents["chains"].append({**chain, "_id": root, "footprint_id": root, "version": 1})
    for collection, some in documents.items():
        await database[collection].insert_many(some, ordered=False)


async def insert(store: Store) -> str:
    """Insert an order; return its id."""
    decision = made(order_id=new_id("ord"))
    await store.insert_order(decision, now=NOW, cause=CAUSE)
    return decision.order.order_id


async def record(store: Store) -> None:
    """Insert an order, and end it."""
    loaded = await store.order(await insert(store))
    assert loaded is not None
    await store.record(loaded, cancel(loaded.value, now=NOW), now=NOW, cause=CAUSE)


async def record_beneficiary(store: Store) -> None:
    """Insert a beneficiary."""
    beneficiary = a_beneficiary()
    await store.record_beneficiary(None, beneficiary, [named(beneficiary)], now=NOW, cause=CAUSE)


async def record_chain(store: Store) -> None:
    """Insert a chain, and write it anew."""
    chain = Chain(new_id("fp"), NOBODY["scn"], "guest", NOBODY["fp"], 1, "covered")
    await store.chains.record({}, [chain])
    await store.chains.record(await store.chains.chains([chain.root]), [replace(chain, grams=2)])


ORDERS = Stored(
    service="orders",
    open=opened,
    fill=fill,
    parts={"": Store, "copies": Copies, "chains": Chains, "payables": Payables},
    queries={
        "order": lambda store: store.order(NOBODY["ord"]),
        "orders": lambda store: store.orders([NOBODY["ord"]] * 3),
        "order_of_payment": lambda store: store.order_of_payment(NOBODY["pay"]),
        "waiting_for": lambda store: store.waiting_for([NOBODY["fp"]]),
        "waiting_since": lambda store: store.waiting_since(NOW, after=None, limit=500),
        "waiting_since: after": lambda store: store.waiting_since(LATER, after=(NOW, NOBODY["ord"]), limit=500),
        "overdue": lambda store: store.overdue(NOW, limit=500),
        "giving_back": lambda store: store.giving_back(LATER, limit=200),
        "unanswered": lambda store: store.unanswered(NOW, limit=200),
        "unretired": lambda store: store.unretired(LATER),
        "page": lambda store: store.page(state=None, after=None, limit=51),
        "page: state": lambda store: store.page(state="refunding", after=None, limit=51),
        "page: owes": lambda store: store.page(state=None, owes=True, after=None, limit=51),
        "page: after": lambda store: store.page(state=None, after=(LATER + timedelta(days=9), NOBODY["ord"]), limit=51),
        "settled_by": lambda store: store.settled_by(NOBODY["ord"]),
        "correctable": lambda store: store.correctable(NOBODY["ben"], since=NOW, name_sequence=9),
        "insert_order": insert,
        "record": record,
        "record_beneficiary": record_beneficiary,
        "beneficiary": lambda store: store.beneficiary(NOBODY["ben"]),
        "order_hash": lambda store: store.order_hash(NOBODY["ord"]),
        "profile_hash": lambda store: store.profile_hash(NOBODY["ben"]),
        "covering": lambda store: store.covering(NOBODY["fp"]),
        "footprint_facts": lambda store: store.footprint_facts([NOBODY["fp"], NOBODY["scn"]], order_id=NOBODY["ord"]),
        "copies.footprints": lambda store: store.copies.footprints([NOBODY["fp"]]),
        "copies.replaced": lambda store: store.copies.replaced([NOBODY["fp"]]),
        "copies.listing": lambda store: store.copies.listing(PROJECT),
        "copies.scene": lambda store: store.copies.scene(NOBODY["scn"]),
        "copies.scene_names": lambda store: store.copies.scene_names([NOBODY["scn"]]),
        "copies.keep_footprints": lambda store: store.copies.keep_footprints([footprint("kept")]),
        "copies.keep_listings": lambda store: store.copies.keep_listings([enveloped(LISTING)]),
        "copies.keep_scenes": lambda store: store.copies.keep_scenes([enveloped(SCENE)]),
        "chains.record": record_chain,
        "chains.chains": lambda store: store.chains.chains([NOBODY["fp"]]),
        "chains.members": lambda store: store.chains.members([NOBODY["fp"]]),
        "chains.covering": lambda store: store.chains.covering([NOBODY["fp"]]),
        "chains.uncounted": lambda store: store.chains.uncounted(limit=500),
        "chains.counted": lambda store: store.chains.counted([Uncounted(NOBODY["ord"], 1, ())]),
        "chains.balance": lambda store: store.chains.balance(NOBODY["scn"]),
        "chains.page": lambda store: store.chains.page(NOBODY["scn"], "left", limit=51),
        "payables.page": lambda store: store.payables.page(limit=51),
        "payables.page: after": lambda store: store.payables.page(after=("own_filling 0000020", "CNY"), limit=21),
        "payables.count": lambda store: store.payables.count(limit=500),
    },
    left_out={
        "prepare": "it makes the indexes, once a start",
        "copies.prepare": "likewise",
        "chains.prepare": "likewise",
        "payables.prepare": "likewise",
        "ping": "it asks for nothing",
        "copies.listings": "projects are few",
    },
    reads_on={
        "page": "all orders, for the back office",
        "payables.page": "what all owners are due, by name",
        "payables.page: after": "likewise",
    },
)
