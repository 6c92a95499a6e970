"""Which name stands on a certificate: the one that its order names, then those that correct it, or none once erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from services.certificates.domain.certificate import Frozen
from shared.contracts.orders import BeneficiaryNamed

CORRECTION_DAYS = 30


class HolderName(Frozen):
    """One of the names that a beneficiary has had, and the orders whose certificates it corrects."""

    sequence: int
    name: str
    corrects: tuple[str, ...]
    named_at: datetime


class Holder(Frozen):
    """The names of a beneficiary: every one so far, oldest first, or that all were erased.

    The names are all kept, not the last alone: otherwise a certificate would depend on whether its order or a later
    name was read first.
    """

    names: tuple[HolderName, ...] = ()
    erased: bool = False

    def first(self, sequence: int) -> HolderName | None:
        """Return the name as it was at this sequence, or the next one if that has left the log."""
        return next((name for name in self.names if name.sequence >= sequence), None)

    def corrections(self, order_id: str, *, after: int, issued_at: datetime) -> Iterator[HolderName]:
        """Yield the later names that correct the certificate of the order and came in time."""
        for name in self.names:
            in_time = name.named_at - issued_at <= timedelta(days=CORRECTION_DAYS)
            if name.sequence > after and order_id in name.corrects and in_time:
                yield name


def erases(named: BeneficiaryNamed) -> bool:
    """Say whether an event takes the names away: it leaves none."""
    return named.erased or named.name is None
