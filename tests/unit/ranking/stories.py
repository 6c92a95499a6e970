"""Events as they come to ranking, made short, and sets of them for property tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args

from hypothesis import strategies as st

from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Envelope, Event
from shared.contracts.orders import BeneficiaryKind, BeneficiaryNamed, Board
from shared.web.idempotency import id_of

CITIES = ("CN-SC Chengdu", "CN-BJ Beijing")
# A Wednesday, 14:00 in Shanghai.
NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)


def an_id(kind: str, name: object) -> str:
    return id_of(kind, str(name))


def enveloped(event: Event, *, sequence: int = 1, at: datetime = NOW) -> Envelope[Event]:
    subject = getattr(event, event.subject)
    return Envelope(id=f"{subject}.{sequence}", time=at, sequence=sequence, livemode=False, data=event)


def scene(name: object, *, city: str = CITIES[0], sequence: int = 1) -> Envelope[Event]:
    event = ScenePublished(
        scene_id=an_id("scn", name),
        code=f"S{name}000".upper()[:12],
        names={"en": f"Scene {name} (demo)", "zh": f"场景{name}（示例）"},
        kind="conference",
        country="CN",
        city=city,
        starts_on=date(2026, 11, 1),
        ends_on=None,
        time_zone="Asia/Shanghai",
        organiser_id="org_demo",
        status="open",
    )
    return enveloped(event, sequence=sequence)


def name(
    who: object,
    *,
    board: Board = "alias",
    kind: BeneficiaryKind = "person",
    sequence: int = 1,
    erased: bool = False,
) -> Envelope[Event]:
    event = BeneficiaryNamed(
        beneficiary_id=an_id("ben", who),
        name=None if erased else f"Name {who} (demo)",
        alias=None if erased else f"Alias {who}",
        kind=kind,
        board="hidden" if erased else board,
        profile_hash=None if erased else "ab" * 32,
        erased=erased,
    )
    return enveloped(event, sequence=sequence)


def certificate(
    number: object,
    who: object,
    where: object | None,
    *,
    grams: int = 1000,
    at: datetime = NOW,
    kind: BeneficiaryKind = "person",
    footprints: tuple[object, ...] = (),
) -> Envelope[Event]:
    event = CertificateIssued(
        certificate_id=an_id("cert", number),
        number=f"DD-{number}",
        order_id=an_id("ord", number),
        beneficiary_id=an_id("ben", who),
        beneficiary_kind=kind,
        scene_id=None if where is None else an_id("scn", where),
        project_id=an_id("prj", 1),
        footprint_ids=tuple(an_id("fp", footprint) for footprint in footprints),
        grams=grams,
        issued_at=at,
    )
    return enveloped(event, at=at)


def revocation(number: object, who: object, *, at: datetime = NOW) -> Envelope[Event]:
    event = CertificateRevoked(
        certificate_id=an_id("cert", number),
        number=f"DD-{number}",
        order_id=an_id("ord", number),
        beneficiary_id=an_id("ben", who),
        reason="issued_in_error",
        revoked_at=at,
    )
    return enveloped(event, sequence=2, at=at)


def footprint(
    number: object, where: object | None, *, grams: int, replaces: object | None = None, root: object | None = None
) -> Envelope[Event]:
    event = FootprintCalculated(
        footprint_id=an_id("fp", number),
        scene_id=None if where is None else an_id("scn", where),
        role="guest",
        people=1,
        grams=grams,
        low_grams=grams,
        high_grams=grams,
        grams_by_category={"rail": grams},
        release="2026.1",
        jurisdiction="CN",
        claim_hash="cd" * 32,
        replaces=None if replaces is None else an_id("fp", replaces),
        root=an_id("fp", number if root is None else root),
    )
    return enveloped(event)


# Around the midnights of Shanghai that begin the day, the week, the month and the year of NOW.
_EDGES = [
    datetime(2026, 11, 24, 16, tzinfo=UTC),
    datetime(2026, 11, 22, 16, tzinfo=UTC),
    datetime(2026, 10, 31, 16, tzinfo=UTC),
    datetime(2025, 12, 31, 16, tzinfo=UTC),
]
moments = st.builds(
    lambda edge, seconds: edge + timedelta(seconds=seconds), st.sampled_from(_EDGES), st.integers(-2, 2)
)
_PEOPLE = range(8)
_COMPANIES = range(100, 103)
_SCENES = range(3)
_FOOTPRINTS = 12


@st.composite
def histories(draw: st.DrawFn) -> list[Envelope[Event]]:
    """Draw what may have happened: every event once."""
    events = [scene(number, city=CITIES[number % 2]) for number in _SCENES]
    if draw(st.booleans()):
        events.append(scene(0, city=CITIES[1], sequence=2))
    for who in (*_PEOPLE, *_COMPANIES):
        kind: BeneficiaryKind = "person" if who in _PEOPLE else "company"
        for sequence in range(1, 1 + draw(st.sampled_from([1, 1, 2, 3, 0]))):
            erased, board = draw(st.integers(0, 9)) == 9, draw(st.sampled_from(get_args(Board)))
            events.append(name(who, kind=kind, sequence=sequence, board=board, erased=erased))
    roots: list[int] = []
    for number in range(draw(st.sampled_from([_FOOTPRINTS, 0, 4]))):
        # A later answer replaces the one before of the same root, and so stays in its scene.
        replaces = number - 1 if number and draw(st.booleans()) else None
        roots.append(number if replaces is None else roots[replaces])
        events.append(
            footprint(number, roots[number] % 3, grams=draw(st.integers(1, 50)), replaces=replaces, root=roots[number])
        )
    # Enough of them that scenes reach the five members which their figures need.
    for number in range(draw(st.sampled_from([20, 0, 5]))):
        who = draw(st.sampled_from([*_PEOPLE, *_COMPANIES, 200]))
        events.append(
            certificate(
                number,
                who,
                draw(st.sampled_from([0, 0, *_SCENES, None])),
                grams=draw(st.integers(1, 3)),
                at=draw(moments),
                kind="person" if who in _PEOPLE else "company" if who in _COMPANIES else "organiser",
                footprints=tuple(draw(st.lists(st.integers(0, _FOOTPRINTS - 1), max_size=3))),
            )
        )
        if draw(st.integers(0, 7)) == 7:
            events.append(revocation(number, who))
    return events


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Envelope[Event]], list[Envelope[Event]]]:
    """Draw a history, and a delivery of it: in any order, some events several times."""
    history = draw(histories())
    again = draw(st.lists(st.sampled_from(history), max_size=10))
    return history, draw(st.permutations([*history, *again]))
