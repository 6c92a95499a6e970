"""What counts on boards: a certificate as a deed, and a member's deeds added up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from sys import intern
from typing import NamedTuple

from services.ranking.domain.ranking import Reached
from services.ranking.domain.selection import Board
from services.ranking.domain.windows import microseconds
from shared.contracts.certificates import CertificateIssued


class CertificateDiffers(ValueError):
    """A certificate came before with another content, and that one counts."""


class Deed(NamedTuple):
    """A certificate as boards see it."""

    certificate_id: str
    issued_us: int
    beneficiary_id: str
    kind: str
    scene_id: str | None
    grams: int
    footprint_ids: tuple[str, ...]

    @classmethod
    def of(cls, event: CertificateIssued) -> Deed:
        """Return the deed of a certificate."""
        return cls(
            certificate_id=event.certificate_id,
            issued_us=microseconds(event.issued_at),
            beneficiary_id=event.beneficiary_id,
            kind=event.beneficiary_kind,
            # Thousands of deeds share a scene, and need not each hold its id.
            scene_id=event.scene_id and intern(event.scene_id),
            grams=event.grams,
            footprint_ids=event.footprint_ids,
        )

    def member_of(self, board: Board) -> str | None:
        """Return whose deed it is on a board: the beneficiary's on one of its kind, the scene's on that of scenes."""
        if board == "scenes":
            return self.scene_id
        return self.beneficiary_id if (board, self.kind) in LISTED_KINDS else None


# Organisers have no board: what they neutralise counts for their scenes.
LISTED_KINDS = {("people", "person"), ("companies", "company")}


@dataclass(slots=True)
class Tally:
    """One member's deeds inside one board's window and field."""

    grams: int = 0
    # The other side of each deed: of a beneficiary the scenes, of a scene the beneficiaries.
    partners: set[str] = field(default_factory=set)
    reached: Reached = (0, "")

    @classmethod
    def of(cls, deeds: Iterable[Deed], board: Board) -> Tally:
        """Add up deeds of one member."""
        tally = cls()
        for deed in deeds:
            tally.add(deed, board)
        return tally

    def add(self, deed: Deed, board: Board) -> None:
        """Count one deed more; each only once, and in any order."""
        self.grams += deed.grams
        partner = deed.beneficiary_id if board == "scenes" else deed.scene_id
        if partner is not None:
            self.partners.add(partner)
        self.reached = max(self.reached, (deed.issued_us, deed.certificate_id))
