"""What a footprint is once recorded, and that it is replaced once."""

from dataclasses import replace as changed
from datetime import UTC, datetime

import pytest

from services.calculator.domain.answers import Place, read_answers
from services.calculator.domain.claims import jurisdiction_of
from services.calculator.domain.engine import compute
from services.calculator.domain.footprint import AlreadyReplaced, ZeroFootprint, calculated, first, replace

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW, OTHER = (f"fp_{letter * 26}" for letter in "ABC")


@pytest.fixture
def made(release, chengdu):
    def make(km=20):
        answers = read_answers({"people": 3, "legs": [{"mode": "metro", "km": km}]})
        return {"place": chengdu, "answers": answers, "result": compute(answers, scene=chengdu, release=release)}

    return make


@pytest.fixture
def old(made):
    return first(
        OLD,
        scene_id="scn_" + "A" * 26,
        role="guest",
        claim_hash="a" * 64,
        made_at=AT,
        **made(),
    )


def test_a_first_footprint_is_its_own_root(old):
    assert (old.root, old.replaces, old.replaced_by) == (OLD, None, None)


def test_a_changed_answer_is_a_new_footprint_of_the_same_root(old, made):
    new = replace(old, footprint_id=NEW, claim_hash="b" * 64, made_at=AT, **made(30))
    newer = replace(new, footprint_id=OTHER, claim_hash="c" * 64, made_at=AT, **made(40))

    assert (new.root, new.replaces, new.replaced_by) == (OLD, OLD, None)
    assert (newer.root, newer.replaces) == (OLD, NEW)
    assert (new.scene_id, new.role, new.jurisdiction) == (old.scene_id, old.role, old.jurisdiction)
    assert new.result.grams > old.result.grams


def test_a_second_replacement_of_the_same_footprint_is_refused(old, made):
    with pytest.raises(AlreadyReplaced) as refused:
        replace(changed(old, replaced_by=NEW), footprint_id=OTHER, claim_hash="c" * 64, made_at=AT, **made(30))
    assert (refused.value.code, refused.value.facts) == ("already_replaced", {"replaced_by": NEW})


def test_the_same_replacement_requested_again_is_answered_again(old, made):
    replacement = {"footprint_id": NEW, "claim_hash": "b" * 64, "made_at": AT, **made(30)}

    assert replace(changed(old, replaced_by=NEW), **replacement) == replace(old, **replacement)


def test_a_footprint_of_nothing_is_not_recorded(old, made):
    with pytest.raises(ZeroFootprint) as refused:
        replace(old, footprint_id=NEW, claim_hash="b" * 64, made_at=AT, **made(0))
    assert refused.value.code == "zero_footprint"


def test_what_is_published_holds_masses_and_never_an_answer(old):
    event = calculated(old)

    assert (event.grams, event.grams_by_category, event.people) == (2_589, {"metro": 2_589}, 3)
    assert event.low_grams < event.grams < event.high_grams
    assert (event.release, event.jurisdiction, event.root) == ("2026.2/2026-11-22", "CN-SC Chengdu", OLD)
    assert "legs" not in event.model_dump_json()


@pytest.mark.parametrize(
    ("place", "jurisdiction"),
    [
        (Place(country="CN", city="CN-SC Chengdu"), "CN-SC Chengdu"),
        (Place(country="CN", city="CN-BJ Beijing"), "CN"),
        (Place(country="DE"), "DE"),
    ],
)
def test_claims_follow_the_rules_of_a_city_that_has_its_own_else_of_the_country(place, jurisdiction):
    assert jurisdiction_of(place) == jurisdiction
