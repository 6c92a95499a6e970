"""What a recount of the ledger shows: figures by batch, the head of each chain, the first page that does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class WrongPage:
    """The first page that does not hold, and why."""

    project_id: str
    sequence: int
    reason: str


@dataclass(frozen=True)
class BatchProof:
    """A batch's figures in grams, and the whole tonnes that are retired for its claims."""

    batch_id: str
    prefix: str
    serial_start: int
    serial_end: int
    issued: int
    available: int
    held: int
    allocated: int
    cancelled: int
    retired_tonnes: int
    unclaimed_grams: int


@dataclass(frozen=True)
class Proof:
    """What a recount found: figures per batch, the head of the chain, and the first wrong page if there is one."""

    project_id: str
    pages: int
    head: str
    batches: tuple[BatchProof, ...]
    wrong: WrongPage | None


@dataclass(frozen=True)
class ReservesProof:
    """A finished recount of all projects.

    `recounted_at` is when it had counted all that was written; `reread_at` is when all pages had last been read again,
    from the first on, which took `seconds`.
    """

    recounted_at: datetime
    reread_at: datetime
    seconds: float
    projects: tuple[Proof, ...]
