"""The sandbox provider's own records, in a collection that nothing else of orders reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from services.orders.domain.sandbox import SandboxPayment
from shared.messaging.failures import LostRace
from shared.mongodb import Database, DuplicateKeyError

_PAYMENT = TypeAdapter(SandboxPayment)


class SandboxRecords:
    """The side record of every payment that was started at the sandbox."""

    def __init__(self, database: Database) -> None:
        self._payments = database["sandbox_payments"]

    async def prepare(self) -> None:
        """Create the index by which notices are found that are to be sent."""
        await self._payments.create_index("notify_at", sparse=True)

    async def open(self, payment: SandboxPayment) -> None:
        """Insert a payment, once."""
        try:
            await self._payments.insert_one(_document(payment))
        except DuplicateKeyError:
            return

    async def payment(self, payment_id: str) -> SandboxPayment | None:
        """Return a payment."""
        document = await self._payments.find_one({"_id": payment_id})
        return _of(document) if document else None

    async def telling(self, now: datetime, *, limit: int) -> list[SandboxPayment]:
        """Return payments with a notice that is to be sent now, those first that have waited longest."""
        found = self._payments.find({"notify_at": {"$lte": now}}, limit=limit, sort=[("notify_at", 1)])
        return [_of(document) async for document in found]

    async def change(self, before: SandboxPayment, after: SandboxPayment) -> None:
        """Write a payment as it is now. Raises LostRace when it is not as it was before."""
        written = await self._payments.replace_one(_document(before), _document(after))
        if not written.matched_count:
            raise LostRace(f"the sandbox's {before.payment_id} has changed meanwhile")


def _document(payment: SandboxPayment) -> dict[str, Any]:
    """Return the fields, when a notice is to be sent next, and whether all were taken."""
    fields = _PAYMENT.dump_python(payment)
    moments = [telling.at for telling in payment.tellings]
    return {
        "_id": fields.pop("payment_id"),
        **fields,
        **({"notify_at": min(moments)} if moments else {}),
        "notified": payment.decided is not None and not moments,
    }


def _of(document: dict[str, Any]) -> SandboxPayment:
    return _PAYMENT.validate_python({**document, "payment_id": document["_id"]})
