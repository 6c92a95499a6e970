"""What a recount of the ledger shows: figures by batch, the head of each chain, the first page that does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True)
class WrongPage:
    """The first page that does not hold, and why."""

    project_id: Annotated[str, Field(description="the project in whose chain it stands")]
    sequence: Annotated[int, Field(description="its place in the chain")]
    reason: Annotated[str, Field(description="why it does not hold")]


@dataclass(frozen=True)
class BatchProof:
    """A batch's figures in grams, and the whole tonnes that are retired for its claims."""

    batch_id: Annotated[str, Field(description="its id")]
    prefix: Annotated[str, Field(description="the text that its serials share")]
    serial_start: Annotated[int, Field(description="the number of its first serial")]
    serial_end: Annotated[int, Field(description="the number of its last serial")]
    issued: Annotated[int, Field(description="all of it, in grams")]
    available: Annotated[int, Field(description="what nobody holds, in grams")]
    held: Annotated[int, Field(description="what orders hold that are not paid yet, in grams")]
    allocated: Annotated[int, Field(description="what claims have, in grams")]
    cancelled: Annotated[int, Field(description="what was cancelled without a claim, in grams")]
    retired_tonnes: Annotated[int, Field(description="whole tonnes that are retired for its claims")]
    unclaimed_grams: Annotated[int, Field(description="what is retired and not claimed yet: less than a tonne")]


@dataclass(frozen=True)
class Proof:
    """What a recount found: figures per batch, the head of the chain, and the first wrong page if there is one."""

    project_id: Annotated[str, Field(description="the project whose chain was counted")]
    pages: Annotated[int, Field(description="how many pages were counted")]
    head: Annotated[str, Field(description="the hash of the last page that was counted")]
    batches: Annotated[tuple[BatchProof, ...], Field(description="its batches with their figures")]
    wrong: Annotated[WrongPage | None, Field(description="the first page that does not hold; null when all do")]


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
