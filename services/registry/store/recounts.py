"""The last finished recount of the ledger, which every replica shows, and which replica recounts: one document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from services.registry.domain.proof import BatchProof, Proof, ReservesProof, WrongPage
from shared.messaging.lease import Lease, LeaseLost, ended
from shared.mongodb import Database, Document, DuplicateKeyError
from shared.sentence import Sentence

# Of the one document.
RESERVES = "reserves"
# Longer than the pause between two recounts, so that a replica goes on from what it has proven.
LEASE_SECONDS = 60
# A stored page may be anything; of what is wrong with it so much is kept.
FACT_LENGTH_MAX = 500


class Recounts:
    """Where a recount is stored by the replica that has the lease."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._recounts, self._clock = database["recounts"], clock
        self.lease = Lease(self._recounts, clock, seconds=LEASE_SECONDS)

    async def prepare(self) -> None:
        """Make the document, and end a lease that this replica had before its restart."""
        try:
            await self._recounts.insert_one({"_id": RESERVES, "requests": 0, "pages_counted": 0, "last": None})
        except DuplicateKeyError:
            await self.lease.end_all()

    async def take(self) -> datetime | None:
        """Return until when this replica alone recounts; none when another one does."""
        if RESERVES in self.lease.held:
            try:
                return await self.lease.renew([RESERVES])
            except LeaseLost:
                self.lease.held.clear()
        free = {"$or": [{"lease": None}, ended(self._clock())]}
        taken = await self.lease.take([RESERVES], free=free, fields={"lease": 1})
        return taken[0]["lease"]["until"].replace(tzinfo=UTC) if taken else None

    async def request(self) -> None:
        """Let the whole ledger be read again."""
        await self._recounts.update_one({"_id": RESERVES}, {"$inc": {"requests": 1}})

    async def requests(self) -> int:
        """Return how often that was requested."""
        found = await self._recounts.find_one({"_id": RESERVES}, {"requests": 1})
        return int(found["requests"]) if found else 0

    async def note(self, pages_counted: int) -> None:
        """Say how many pages the recount under way has counted."""
        await self._recounts.update_one(self.lease.mine([RESERVES]), {"$set": {"pages_counted": pages_counted}})

    async def record(self, proof: ReservesProof, *, pages_counted: int) -> None:
        """Store a finished recount. Raises LeaseLost when another replica recounts by now."""
        fields = {"last": _document(proof), "pages_counted": pages_counted}
        if not (await self._recounts.update_one(self.lease.mine([RESERVES]), {"$set": fields})).matched_count:
            raise LeaseLost("another replica recounts")

    async def last(self) -> tuple[ReservesProof | None, int]:
        """Return the last finished recount, and the pages counted by the one under way or the last one."""
        found = await self._recounts.find_one({"_id": RESERVES})
        if found is None:
            return None, 0
        return _proof(found["last"]) if found["last"] else None, found["pages_counted"]


def _document(proof: ReservesProof) -> Document:
    document = asdict(proof)
    for project, stored in zip(proof.projects, document["projects"], strict=True):
        if project.wrong:
            reason = project.wrong.reason
            assert isinstance(reason, Sentence), "pages say it in other languages too"
            facts = {name: str(fact)[:FACT_LENGTH_MAX] for name, fact in reason.facts.items()}
            stored["wrong"]["reason"] = {"template": reason.template, "facts": facts}
    return document


def _proof(document: Document) -> ReservesProof:
    projects = tuple(
        Proof(
            **{
                **project,
                "batches": tuple(BatchProof(**batch) for batch in project["batches"]),
                "wrong": _wrong(project["wrong"]) if project["wrong"] else None,
            }
        )
        for project in document["projects"]
    )
    return ReservesProof(**{**document, "projects": projects})


def _wrong(document: Document) -> WrongPage:
    template, facts = document["reason"]["template"], document["reason"]["facts"]
    reason = Sentence(template, **facts)
    return WrongPage(document["project_id"], document["sequence"], reason)
