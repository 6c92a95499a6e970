"""For whom credits are cancelled: how a beneficiary is called and shown, what it entrusts us with, and its erasure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.orders.domain.beneficiary.alias import alias_of
from services.orders.domain.beneficiary.names import checked_name
from services.orders.domain.order.order import Buyer
from shared.contracts.orders import BeneficiaryKind, BeneficiaryNamed, Board
from shared.refusal import Refusal
from shared.sentence import Sentence

MANDATE_VERSION = "1"
MANDATE_TEXT = Sentence(
    "I entrust the Exchange to have carbon credits of the mass shown cancelled for good at the registry, in my name and"
    " for this claim alone, once I have paid. The credits cannot be sold, moved or given back after that. I may leave"
    " the order at any time before I pay, and nothing is charged."
)
CORRECTION = timedelta(days=30)
# As many orders as a claim has footprints: some 16 kB, far below what a broker refuses.
CORRECTS_MAX = 500


class NameMissing(Refusal):
    """A company or an organiser acts under its own name (422)."""

    code = "name_missing"


class MandateOutdated(Refusal):
    """The mandate given is not the text in force; the facts carry its version (409)."""

    code = "mandate_outdated"


class KindFixed(Refusal):
    """A profile is of one kind for ever (409)."""

    code = "kind_fixed"


class BeneficiaryErased(Refusal):
    """The profile was erased and takes no more orders or names (409)."""

    code = "beneficiary_erased"


@dataclass(frozen=True)
class Naming:
    """How somebody wants to be called and shown; without a name, by the alias, without a board, as is usual."""

    kind: BeneficiaryKind = "person"
    name: str | None = None
    board: Board | None = None


@dataclass(frozen=True)
class Beneficiary:
    """Somebody who may claim. `sequence` counts how often the name was published; an erased one has no names.

    `uncorrected` since the name changed, until the earlier orders that follow it are published.
    """

    beneficiary_id: str
    kind: BeneficiaryKind
    name: str | None
    alias: str | None
    board: Board
    mandate_version: str
    mandate_at: datetime
    profile_hash: str
    request_hash: str
    created_at: datetime
    sequence: int = 1
    erased: bool = False
    uncorrected: bool = False


def make(
    naming: Naming, *, beneficiary_id: str, profile_hash: str, request_hash: str, mandate_version: str, now: datetime
) -> Beneficiary:
    """Make a beneficiary. Raises NameInvalid, NameUnprintable, NameMissing or MandateOutdated."""
    check_mandate(mandate_version)
    alias = alias_of(beneficiary_id)
    return Beneficiary(
        beneficiary_id=beneficiary_id,
        kind=naming.kind,
        name=_name(naming, alias),
        alias=alias,
        board=naming.board or ("alias" if naming.kind == "person" else "named"),
        mandate_version=mandate_version,
        mandate_at=now,
        profile_hash=profile_hash,
        request_hash=request_hash,
        created_at=now,
    )


def renamed(beneficiary: Beneficiary, *, name: str | None, board: Board | None) -> Beneficiary:
    """Return the beneficiary under a name and on a board; none leaves either as it is.

    Raises NameInvalid, NameUnprintable or BeneficiaryErased.
    """
    check_not_erased(beneficiary)
    name = beneficiary.name if name is None else checked_name(name, field="name")
    after = replace(
        beneficiary,
        name=name,
        board=board or beneficiary.board,
        uncorrected=beneficiary.uncorrected or name != beneficiary.name,
    )
    return after if after == beneficiary else _next_sequence(after)


def corrected(beneficiary: Beneficiary, order_ids: Sequence[str]) -> tuple[Beneficiary, tuple[BeneficiaryNamed, ...]]:
    """Return the beneficiary as it is published once more, with the earlier orders that follow its name.

    It is published as often as needed for no message to name more than CORRECTS_MAX of them: each stands for itself.
    """
    after = replace(beneficiary, uncorrected=False)
    parts = [order_ids[at : at + CORRECTS_MAX] for at in range(0, len(order_ids), CORRECTS_MAX)]
    return replace(after, sequence=after.sequence + len(parts)), tuple(named(after, part) for part in parts)


def ordering(beneficiary: Beneficiary, naming: Naming | None) -> Beneficiary:
    """Return a beneficiary that orders again, under the name that it wishes for now.

    Raises BeneficiaryErased, KindFixed, NameInvalid or NameUnprintable.
    """
    check_not_erased(beneficiary)
    if naming is None:
        return beneficiary
    if naming.kind != beneficiary.kind:
        raise KindFixed(f"This profile is of kind {beneficiary.kind} and stays so.", field="beneficiary/kind")
    return renamed(beneficiary, name=_name(naming, beneficiary.alias), board=naming.board)


def erased(beneficiary: Beneficiary) -> Beneficiary:
    """Return the beneficiary without any name, for ever."""
    if beneficiary.erased:
        return beneficiary
    return _next_sequence(replace(beneficiary, name=None, alias=None, board="hidden", erased=True, uncorrected=False))


def named(beneficiary: Beneficiary, corrects: Iterable[str] = ()) -> BeneficiaryNamed:
    """Return what is published of the beneficiary; `corrects` are the orders whose certificates take this name."""
    return BeneficiaryNamed(
        beneficiary_id=beneficiary.beneficiary_id,
        name=beneficiary.name,
        alias=beneficiary.alias,
        kind=beneficiary.kind,
        board=beneficiary.board,
        profile_hash=None if beneficiary.erased else beneficiary.profile_hash,
        corrects=tuple(corrects),
        erased=beneficiary.erased,
    )


def buyer(beneficiary: Beneficiary, mandate_version: str) -> Buyer:
    """Return the beneficiary as an order names it."""
    return Buyer(beneficiary.beneficiary_id, beneficiary.kind, beneficiary.sequence, mandate_version)


def check_not_erased(beneficiary: Beneficiary) -> None:
    """Raise BeneficiaryErased for one that was."""
    if beneficiary.erased:
        raise BeneficiaryErased(
            Sentence("This profile was erased. Order without it, and a new one is made."), field="beneficiary_id"
        )


def check_mandate(version: str) -> None:
    """Raise MandateOutdated unless the mandate is the one in force."""
    if version != MANDATE_VERSION:
        raise MandateOutdated(
            Sentence("The mandate in force is version {version}. Read it and give it anew.", version=MANDATE_VERSION),
            field="mandate_version",
            mandate_version=MANDATE_VERSION,
        )


def _next_sequence(beneficiary: Beneficiary) -> Beneficiary:
    return replace(beneficiary, sequence=beneficiary.sequence + 1)


def _name(naming: Naming, alias: str | None) -> str | None:
    if naming.name is not None:
        return checked_name(naming.name)
    if naming.kind != "person":
        raise NameMissing(f"The certificate of a {naming.kind} shows its name. Give it.", field="beneficiary/name")
    return alias
