"""A ledger of one project that tests write poll by poll, and what they order of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.registry.domain.book import WrittenEntry
from services.registry.domain.commands import ChangeListing, Command, Hold, Issue, ListingContent, Post, Release, Report
from services.registry.domain.decide import keys_of, next_page
from services.registry.domain.events import events_of
from services.registry.domain.ledger import Page
from services.registry.domain.proof import Proof
from services.registry.domain.recount import Recount
from shared.contracts.event import Cause
from shared.web.idempotency import id_of

NOW = datetime(2026, 9, 7, 4, tzinfo=UTC)
PROJECT = id_of("prj", "unit")
BECAUSE = Cause(id="evt_1", traceparent=None)
DAY = "2026-11-24"
CONTENT = ListingContent(
    names={"en": "Linpan groves (demo)"},
    standard="CDCER",
    type="forest_management",
    owner_id="own_groves",
    place="CN510100",
    code="0042",
    unit_price_fen=4800,
)


def order(name: object) -> str:
    return id_of("ord", str(name))


class Chain:
    """A ledger in memory: what the store does, without a database; `beside` is the ledger of another project."""

    def __init__(self, project_id: str = PROJECT, *, beside: Chain | None = None) -> None:
        self.project_id, self.beside = project_id, beside
        self.pages: list[Page] = []

    def known(self) -> dict[str, WrittenEntry]:
        written = [(page.sequence, entry) for page in self.pages for entry in page.entries]
        return {entry.key: WrittenEntry(self.project_id, sequence, entry) for sequence, entry in written}

    def poll(self, *commands: Command, day: str = DAY) -> Page | None:
        known = {**(self.beside.known() if self.beside else {}), **self.known()}
        wanted = {key for command in commands for key in keys_of(self.project_id, command)}
        page = next_page(
            self.project_id,
            self.pages[-1] if self.pages else None,
            {key: found for key, found in known.items() if key in wanted},
            commands,
            day=day,
        )
        if page:
            self.pages.append(page)
        return page

    def list_and_issue(self, *tonnes: int, price: int = 4800) -> Chain:
        self.poll(ChangeListing(content=CONTENT.model_copy(update={"unit_price_fen": price}), seen=0, cause=BECAUSE))
        for number, amount in enumerate(tonnes):
            self.issue(report=f"MR-{number}", tonnes=amount, vintage=2021 + number)
        return self

    def issue(self, *, report: str, tonnes: int, vintage: int = 2021, key: str = "", **more: Any) -> Page | None:
        wanted = Report(
            report=report, verifier="Verifier (demo)", verified_tonnes=3000, tonnes=tonnes, vintage=vintage, **more
        )
        return self.poll(Issue(report=wanted, batch_id=id_of("bat", key or report), cause=BECAUSE))

    @property
    def published(self) -> list[Any]:
        return [event for page in self.pages for event in events_of(page, livemode=False, now=NOW)]

    def proof(self) -> Proof:
        recount = Recount(self.project_id)
        for page in self.pages:
            recount.take(page.model_dump(mode="json"))
        return recount.proof()


def hold(name: object, grams: int = 1_000, version: int = 1) -> Hold:
    return Hold(order_id=order(name), grams=grams, listing_version=version, cause=BECAUSE)


def post(name: object) -> Post:
    return Post(order_id=order(name), cause=BECAUSE)


def release(name: object) -> Release:
    return Release(order_id=order(name), cause=BECAUSE)


def state_of(chain: Chain, name: object) -> str:
    """Name the state of an order by its entries."""
    found = {key.partition(":")[0]: known.entry for key, known in chain.known().items() if key.endswith(order(name))}
    hold, end = found.get("hold"), found.get("end")
    if end:
        state = {"post": "posted", "release": "released"}[end.kind]
    else:
        state = {None: "nothing", "hold": "held", "hold_refused": "refused", "burn": "burned"}[hold and hold.kind]
    return f"{state}, and so its payment" if "postrefused" in found else state
