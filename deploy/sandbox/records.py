"""The sandbox's own record: one SQLite file, each write on the disk before it is answered.

A file needs no server, so the sandbox is up or down apart from Diandian's databases, as another company is; and one
process that does one thing at a time has no races to settle.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from deploy.sandbox.payments import Payment

_PAYMENT = TypeAdapter(Payment)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (payment_id TEXT PRIMARY KEY, document TEXT NOT NULL, notify_at REAL);
CREATE INDEX IF NOT EXISTS notify_at ON payments (notify_at) WHERE notify_at IS NOT NULL;
"""


class Records:
    """Every payment that was started at the sandbox."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Each statement is a transaction of its own. One thread at a time uses it, not always the same.
        self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def payment(self, payment_id: str) -> Payment | None:
        """Return a payment."""
        found = self._found("WHERE payment_id = ?", payment_id)
        return found[0] if found else None

    def page(self, *, after: str, limit: int) -> list[Payment]:
        """Return payments by id, after one."""
        return self._found("WHERE payment_id > ? ORDER BY payment_id LIMIT ?", after, limit)

    def notifying(self, now: datetime, *, limit: int) -> list[Payment]:
        """Return payments with a notice that is to be sent now, those first that have waited longest."""
        return self._found("WHERE notify_at <= ? ORDER BY notify_at LIMIT ?", now.timestamp(), limit)

    def insert(self, payment: Payment) -> None:
        """Insert a payment that is not there yet."""
        self._database.execute("INSERT INTO payments (document, notify_at, payment_id) VALUES (?, ?, ?)", _row(payment))

    def update(self, payment: Payment) -> None:
        """Write a payment that is there as it is now."""
        self._database.execute("UPDATE payments SET document = ?, notify_at = ? WHERE payment_id = ?", _row(payment))

    def _found(self, where: str, *values: object) -> list[Payment]:
        rows = self._database.execute(f"SELECT document FROM payments {where}", values)  # noqa: S608 -- texts of ours
        return [_PAYMENT.validate_json(document) for (document,) in rows]


def _row(payment: Payment) -> tuple[str, float | None, str]:
    notify_at = payment.notify_at.timestamp() if payment.notify_at else None
    return _PAYMENT.dump_json(payment).decode(), notify_at, payment.payment_id
