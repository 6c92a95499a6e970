"""Boards counted the plain way, with dicts and sorting, from the whole set of events at once."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from services.ranking.domain.selection import Selection
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Envelope, Event
from shared.contracts.orders import BeneficiaryNamed

Line = tuple[int, bool, str, int]
EventT = TypeVar("EventT", bound=Event)


def plain_board(events: list[Envelope[Event]], selection: Selection, now: datetime) -> list[Line]:
    """Return (rank, tied, name, value) of all who are listed, in order."""
    scenes = _latest(events, ScenePublished)
    # An erasure stays, whatever is named after it.
    erased = {event.subject for event in events if isinstance(event.data, BeneficiaryNamed) and event.data.erased}
    names = {who: named for who, named in _latest(events, BeneficiaryNamed).items() if who not in erased}
    revoked = {event.certificate_id for event in _all(events, CertificateRevoked)}
    counting = [event for event in _all(events, CertificateIssued) if event.certificate_id not in revoked]
    mine: dict[str, list[CertificateIssued]] = defaultdict(list)
    for certificate in counting:
        member = _member(certificate, selection)
        if member and _in_window(certificate, selection, now) and _in_field(certificate, selection, scenes):
            mine[member].append(certificate)
    standing = []
    for member, certificates in mine.items():
        called = _called(member, certificates, selection, scenes, names)
        value = _value(member, certificates, selection, events, counting)
        if called is not None and value > 0:
            last = max((certificate.issued_at, certificate.certificate_id) for certificate in certificates)
            standing.append((-value, last, called))
    standing.sort()
    values = [-less for less, _, _ in standing]
    return [
        (1 + sum(other > value for other in values), values.count(value) > 1, called, value)
        for value, (_, _, called) in zip(values, standing, strict=True)
    ]


def _member(certificate: CertificateIssued, selection: Selection) -> str | None:
    if selection.board == "scenes":
        return certificate.scene_id
    kind = {"people": "person", "companies": "company"}[selection.board]
    return certificate.beneficiary_id if certificate.beneficiary_kind == kind else None


def _in_window(certificate: CertificateIssued, selection: Selection, now: datetime) -> bool:
    local, today = (moment.astimezone(ZoneInfo("Asia/Shanghai")) for moment in (certificate.issued_at, now))
    match selection.window:
        case "day":
            return local.date() == today.date()
        case "week":
            return local.isocalendar()[:2] == today.isocalendar()[:2]
        case "month":
            return (local.year, local.month) == (today.year, today.month)
        case "year":
            return local.year == today.year
        case "all":
            return True


def _in_field(certificate: CertificateIssued, selection: Selection, scenes: dict[str, ScenePublished]) -> bool:
    if selection.field is None:
        return True
    if selection.field.kind == "scene":
        return certificate.scene_id == selection.field.name
    return certificate.scene_id in scenes and scenes[certificate.scene_id].city == selection.field.name


def _called(
    member: str,
    certificates: list[CertificateIssued],
    selection: Selection,
    scenes: dict[str, ScenePublished],
    names: dict[str, BeneficiaryNamed],
) -> str | None:
    if selection.board == "scenes":
        enough = len({certificate.beneficiary_id for certificate in certificates}) >= 5
        return scenes[member].names["en"] if enough and member in scenes else None
    named = names.get(member)
    if named is None or named.board == "hidden":
        return None
    if named.board == "named":
        return named.name
    return None if selection.board == "people" and selection.measure == "mass_g" else named.alias


def _value(
    member: str,
    certificates: list[CertificateIssued],
    selection: Selection,
    events: list[Envelope[Event]],
    counting: list[CertificateIssued],
) -> int:
    match selection.measure:
        case "scenes":
            return len({certificate.scene_id for certificate in certificates if certificate.scene_id})
        case "mass_g":
            return sum(certificate.grams for certificate in certificates)
        case "share":
            covered_ids = {one for certificate in counting for one in certificate.footprint_ids}
            return _share(member, _all(events, FootprintCalculated), covered_ids)


def _share(scene_id: str, footprints: list[FootprintCalculated], covered_ids: set[str]) -> int:
    chains: dict[str, list[FootprintCalculated]] = defaultdict(list)
    for one in footprints:
        if one.scene_id == scene_id:
            chains[one.root].append(one)
    covered = total = 0
    for chain in chains.values():
        replaced = {one.replaces for one in chain}
        kept = [one for one in chain if one.footprint_id in covered_ids]
        counts = min(
            kept or [one for one in chain if one.footprint_id not in replaced], key=lambda one: one.footprint_id
        )
        total += counts.grams
        covered += counts.grams if kept else 0
    return max(1, covered * 10_000 // total) if covered else 0


def _all(events: list[Envelope[Event]], contract: type[EventT]) -> list[EventT]:
    return [event.data for event in events if isinstance(event.data, contract)]


def _latest(events: list[Envelope[Event]], contract: type[EventT]) -> dict[str, EventT]:
    latest: dict[str, tuple[int, Any]] = {}
    for event in events:
        if isinstance(event.data, contract) and event.sequence > latest.get(event.subject, (0, None))[0]:
            latest[event.subject] = (event.sequence, event.data)
    return {subject: data for subject, (_, data) in latest.items()}
