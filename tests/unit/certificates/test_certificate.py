"""The machine of a certificate: what it awaits, what freezes it, what corrects, revokes and erases it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.certificates.domain import decide
from services.certificates.domain.certificate import Certificate, Project, Scene, events_of_change, opened_version
from services.certificates.domain.decide import (
    AllocationsDiffer,
    Copies,
    Issuer,
    NotIssuedYet,
    RevokedOtherwise,
    UnknownCertificate,
    settled,
)
from services.certificates.domain.names import CORRECTION_DAYS, Holder, HolderName
from services.certificates.domain.serials import AllocationUnreadable
from shared.contracts.calculator import ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Envelope, Event
from shared.contracts.orders import BeneficiaryNamed
from shared.contracts.registry import ProjectListed
from tests.unit.certificates.story import GRAMS, Story

NOW = datetime(2026, 11, 26, 6, 2, 15, tzinfo=UTC)
ISSUER = Issuer(names={"en": "Exchange (demo)"}, secret="secret")
STORY = Story()


class World:
    """A certificate and the copies beside it, given one message after another."""

    def __init__(self) -> None:
        self.certificate: Certificate | None = None
        self.copies = Copies()
        self.events: list[Event] = []

    def consume(self, messages: Sequence[Envelope[Any]]) -> World:
        for message in messages:
            self._copy(message)
            before = self.certificate
            taken = decide.with_event(before, message.data)
            if taken is not None:
                self.certificate = settled(taken, self.copies, issuer=ISSUER, now=NOW)
                self.events += events_of_change(before, self.certificate)
        return self

    def _copy(self, message: Envelope[Any]) -> None:
        event, holder = message.data, self.copies.holder
        if isinstance(event, ScenePublished):
            self._copy_of(scene=Scene(scene_id=event.scene_id, names=event.names))
        elif isinstance(event, ProjectListed):
            self._copy_of(project=Project(project_id=event.project_id, names=event.names, standard=event.standard))
        elif isinstance(event, BeneficiaryNamed) and event.erased:
            self._copy_of(holder=Holder(erased=True))
        elif isinstance(event, BeneficiaryNamed) and message.sequence not in [name.sequence for name in holder.names]:
            name = HolderName(
                sequence=message.sequence, name=event.name or "", corrects=event.corrects, named_at=message.time
            )
            self._copy_of(holder=Holder(names=(*holder.names, name)))

    def _copy_of(self, **more: Any) -> None:
        self.copies = self.copies.model_copy(update=more)

    @property
    def holders(self) -> list[str | None]:
        assert self.certificate is not None
        return [version.holder for version in self.certificate.versions]


def issued(story: Story = STORY) -> Certificate:
    certificate = World().consume(story.whole()).certificate
    assert certificate is not None
    return certificate


def status(certificate: Certificate, code: str | None = None) -> str:
    opened = opened_version(certificate, code)
    assert opened is not None
    return opened.status


def test_any_order_of_what_it_awaits_ends_in_the_same_certificate_published_once() -> None:
    expected = issued()
    assert expected.facts is not None
    for order in itertools.permutations(STORY.whole()):
        world = World().consume(order)
        assert world.certificate == expected
        assert [type(event) for event in world.events] == [CertificateIssued]


@given(st.permutations(STORY.whole() * 2))
def test_s18_doubled_and_shuffled_messages_end_in_the_same_certificate(messages: list[Envelope[Event]]) -> None:
    world = World().consume(messages)
    assert world.certificate == issued()
    assert len(world.events) == 1


def test_it_is_issued_with_the_last_of_what_it_awaits_and_not_before() -> None:
    for last in range(5):
        messages = STORY.whole()
        missing = messages.pop(last)
        world = World().consume(messages)
        assert world.certificate is None or world.certificate.facts is None
        assert world.events == []
        assert world.consume([missing]).certificate == issued()


def test_a_claim_without_a_scene_awaits_none_and_one_without_footprints_has_no_range() -> None:
    story = Story(scene_id=None)
    purchase = story.purchased()
    claim = purchase.data.claim.model_copy(update={"footprints": ()})
    by_mass = Envelope(
        id="x", time=NOW, sequence=1, livemode=False, data=purchase.data.model_copy(update={"claim": claim})
    )
    certificate = World().consume([story.listed(), story.named(), by_mass, story.retired()]).certificate
    assert certificate is not None
    assert certificate.facts is not None
    assert (certificate.facts.scene, certificate.facts.low_grams, certificate.facts.high_grams) == (None, None, None)
    assert certificate.facts.releases == ()


def test_k1_facts_are_those_of_the_order_and_later_tellings_change_nothing() -> None:
    world = World().consume(STORY.whole())
    expected = world.certificate
    renamed = STORY.published(sequence=2, name="Renamed"), STORY.listed(sequence=2, name="Renamed")
    world.consume([*renamed, STORY.named("Other", sequence=2)])
    assert expected is not None
    assert expected.facts is not None
    assert world.certificate == expected
    assert (expected.facts.grams, expected.facts.low_grams, expected.facts.high_grams) == (GRAMS, 390_000, 680_000)
    assert (expected.facts.words, expected.facts.releases) == ("neutral", ("2026.2",))
    assert expected.facts.number.startswith("DD-2026-")


def test_the_year_of_a_number_is_that_of_the_business_day() -> None:
    world = World().consume(STORY.whole()[:-1])
    assert world.certificate is not None
    taken = decide.with_event(world.certificate, STORY.retired().data)
    assert taken is not None
    late = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    facts = settled(taken, world.copies, issuer=ISSUER, now=late).facts
    assert facts is not None
    assert facts.number.startswith("DD-2027-")


def test_grams_that_were_not_bought_make_no_certificate() -> None:
    for messages in itertools.permutations([STORY.purchased(), STORY.retired(grams=GRAMS - 1)]):
        with pytest.raises(AllocationsDiffer, match=STORY.order_id):
            World().consume(messages)


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_serial": "CDCER without a number"},
        {"last_serial": "CDCER-" + "9" * 5_000},
        {"first_serial": ""},
        {"from_gram": GRAMS, "to_gram": GRAMS},
        {"from_gram": GRAMS, "to_gram": 1},
    ],
)
def test_a_retirement_whose_serials_no_page_could_list_is_refused(wrong: dict[str, Any]) -> None:
    retired = STORY.retired()
    allocation = retired.data.allocations[0].model_copy(update=wrong)
    with pytest.raises(AllocationUnreadable):
        decide.with_event(None, retired.data.model_copy(update={"allocations": (allocation,)}))


def test_a_later_name_corrects_only_the_orders_that_it_lists() -> None:
    listing = STORY.named("Lin Yue-Wang", sequence=2, corrects=(STORY.order_id,))
    listing_another = STORY.named("Lin Yue-Wang", sequence=2, corrects=(Story().order_id,))
    corrected, untouched = (
        World().consume([*STORY.whole(), listing]),
        World().consume([*STORY.whole(), listing_another]),
    )
    assert corrected.holders == ["Lin Yue (demo)", "Lin Yue-Wang"]
    assert untouched.holders == ["Lin Yue (demo)"]
    assert len(corrected.events) == 1
    assert corrected.certificate is not None
    first, second = corrected.certificate.versions
    assert (first.version, second.version) == (1, 2)
    assert first.code != second.code
    assert status(corrected.certificate, first.code) == "superseded"
    assert status(corrected.certificate, second.code) == "valid"


# A key keeps its order: names of one beneficiary come one after another, all else may come between.
NAMES = (
    STORY.named(sequence=1),
    STORY.named("Second", sequence=2, corrects=(STORY.order_id,)),
    STORY.named("Second", sequence=3, corrects=(STORY.order_id,)),
    STORY.named("Third", sequence=4, corrects=()),
    STORY.named("Fourth", sequence=5, corrects=(STORY.order_id,)),
)
OTHERS = (STORY.published(), STORY.listed(), STORY.purchased(), STORY.retired())


@given(st.permutations(OTHERS), st.lists(st.integers(0, len(OTHERS)), min_size=len(NAMES), max_size=len(NAMES)))
def test_versions_do_not_depend_on_when_the_corrections_are_read(
    others: list[Envelope[Event]], places: list[int]
) -> None:
    messages: list[Envelope[Event]] = list(others)
    for name, place in reversed(list(zip(NAMES, sorted(places), strict=True))):
        messages[place:place] = [name, name]
    assert World().consume(messages).holders == ["Lin Yue (demo)", "Second", "Fourth"]


def test_the_first_name_is_the_one_that_the_order_requested() -> None:
    story = Story(name_sequence=2)
    rest = [story.published(), story.listed(), story.purchased(), story.retired()]
    early = World().consume([story.named("Old", sequence=1), *rest])
    assert early.certificate is not None
    assert early.certificate.facts is None
    late = story.named("New", sequence=2), story.named("Newest", sequence=3)
    assert early.consume(late).holders == ["New"]
    compacted = World().consume([late[1], *rest])
    assert compacted.holders == ["Newest"]


def test_a_correction_comes_within_thirty_days() -> None:
    last_moment = NOW + timedelta(days=CORRECTION_DAYS)
    for at, holders in ((last_moment, 2), (last_moment + timedelta(seconds=1), 1)):
        late = STORY.named("Late", sequence=2, corrects=(STORY.order_id,), at=at)
        assert len(World().consume([*STORY.whole(), late]).holders) == holders


def test_s27_an_erased_holder_counts_as_named_and_leaves_every_version() -> None:
    correction = STORY.named("Second", sequence=2, corrects=(STORY.order_id,))
    after = World().consume([*STORY.whole(), correction, STORY.erased(sequence=3), correction])
    before = World().consume(
        [STORY.erased(sequence=3), STORY.published(), STORY.listed(), STORY.purchased(), STORY.retired()]
    )
    assert after.holders == [None, None]
    assert before.holders == [None]
    assert before.certificate is not None
    assert before.certificate.facts == issued().facts
    assert len(after.events) == len(before.events) == 1


def test_revocation_stands_once_and_for_one_reason() -> None:
    certificate = issued()
    revoked = decide.revoked(certificate, "issued_in_error", now=NOW)
    (event,) = events_of_change(certificate, revoked)
    assert isinstance(event, CertificateRevoked)
    assert decide.revoked(revoked, "issued_in_error", now=NOW + timedelta(days=1)) == revoked
    with pytest.raises(RevokedOtherwise, match="issued_in_error"):
        decide.revoked(revoked, "credits_reversed", now=NOW)
    with pytest.raises(NotIssuedYet):
        decide.revoked(Certificate(order_id=STORY.order_id), "issued_in_error", now=NOW)
    with pytest.raises(UnknownCertificate):
        decide.revoked(None, "issued_in_error", now=NOW)


def test_a_revoked_certificate_gets_no_further_version() -> None:
    world = World().consume(STORY.whole())
    assert world.certificate is not None
    world.certificate = decide.revoked(world.certificate, "credits_reversed", now=NOW)
    world.consume([STORY.named("Second", sequence=2, corrects=(STORY.order_id,))])
    assert world.holders == ["Lin Yue (demo)"]
    assert status(world.certificate) == "affected_by_reversal"


def test_an_issuers_secret_is_not_written_anywhere() -> None:
    assert "secret" not in repr(Issuer(names={"en": "Exchange"}, secret="secret")).replace("secret=", "")
