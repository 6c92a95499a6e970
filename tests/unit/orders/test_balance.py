"""Which footprint of a chain counts, how it stands, and what one order takes of what is left."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest

from services.orders.domain.balance.balance import (
    Chain,
    NotInBalance,
    SceneNotYours,
    SceneOpen,
    SceneUnknown,
    Struck,
    chain,
    check_closed,
    check_organiser,
    strike,
    taken,
)
from services.orders.domain.beneficiary.beneficiary import MANDATE_VERSION, Beneficiary, NameMissing, Naming
from services.orders.domain.beneficiary.beneficiary import make as make_beneficiary
from services.orders.domain.order.claim import ClaimMismatch, ClaimTooLarge, FootprintCovered
from services.orders.domain.order.offers import ORDER_GRAMS_MAX
from services.orders.domain.order.order import Buyer, Offered, Wish
from shared.contracts.calculator import ScenePublished
from shared.web.idempotency import id_of
from tests.unit.orders.examples import LISTING, MINUTE, NOW, PROJECT, footprint, known, made, offered

A, B, C = (id_of("fp", name) for name in "abc")
CHAIN = (footprint("a"), footprint("b", root=A, replaces=A, grams=7), footprint("c", root=A, replaces=B, grams=9))
SCENE = ScenePublished(
    scene_id=id_of("scn", "a"),
    code="FORUM26",
    names={"en": "Forum (demo)"},
    kind="conference",
    country="CN",
    city="CN-SC Chengdu",
    starts_on=date(2026, 11, 26),
    ends_on=None,
    time_zone="Asia/Shanghai",
    organiser_id="org_demo",
    status="closed",
)


def left(*names: str, **changes: object) -> tuple[Chain, ...]:
    return tuple(chain([footprint(name, **changes)], None, None) for name in names)


@pytest.mark.parametrize("consumed", list(permutations(CHAIN)))
def test_of_a_chain_the_one_counts_that_nobody_replaced_whatever_was_consumed_first(
    consumed: tuple[object, ...],
) -> None:
    counts = chain(consumed, None, None)  # type: ignore[arg-type]
    assert (counts.root, counts.footprint_id, counts.grams, counts.standing) == (A, C, 9, "left")


@pytest.mark.parametrize("covering", [A, B, C])
def test_of_a_chain_the_one_counts_that_a_live_order_covers(covering: str) -> None:
    counts = chain(CHAIN, covering, None)
    assert (counts.footprint_id, counts.standing) == (covering, "covered")


def test_while_one_between_has_not_come_a_later_one_than_the_root_counts() -> None:
    for consumed in permutations((CHAIN[0], CHAIN[2])):
        assert chain(consumed, None, None).footprint_id == C


def test_a_strike_has_a_reason_stays_under_a_cover_and_falls_with_its_footprint() -> None:
    counts = chain(CHAIN[:1], None, None)
    struck = strike(counts, A, reason="a joke", now=NOW)
    assert (struck.standing, struck.struck) == ("struck", Struck("a joke", NOW))
    assert strike(struck, A, reason="a joke", now=NOW + MINUTE) == struck
    assert strike(struck, A, reason="other", now=NOW + MINUTE).struck == Struck("other", NOW + MINUTE)
    assert strike(struck, A, reason=None, now=NOW) == counts
    covered = chain(CHAIN[:1], A, struck)
    assert (covered.standing, covered.struck) == ("covered", struck.struck)
    assert strike(covered, A, reason="a joke", now=NOW + MINUTE) == covered, "who lost the answer gets it again"
    assert chain(CHAIN[:1], None, covered) == struck, "when the order ends it is struck as before"
    assert chain(CHAIN[:2], None, struck).standing == "left", "changed answers are another footprint"
    with pytest.raises(FootprintCovered):
        strike(chain(CHAIN[:1], A, None), A, reason="a joke", now=NOW)


@pytest.mark.parametrize("found", [None, chain(CHAIN, None, None)])
def test_only_what_counts_can_be_struck(found: Chain | None) -> None:
    for reason in ("a joke", None):
        with pytest.raises(NotInBalance):
            strike(found, A, reason=reason, now=NOW)


def test_an_order_takes_what_is_left_but_for_what_was_taken_or_replaced_meanwhile() -> None:
    three = (footprint("a"), footprint("b"), footprint("c"))
    assert [one.footprint_id for one in taken(left("a", "b", "c"), known(*three))] == [A, B, C]
    knows = known(*three, covered=(A,), replaced=(C,))
    (one,) = taken(left("a", "b", "c"), knows)
    assert one == Offered(B, None)
    assert taken(left("a"), knows) == ()


def test_an_order_takes_one_jurisdiction_and_no_more_than_it_may_hold() -> None:
    abroad = (footprint("a"), footprint("b", jurisdiction="IN"), footprint("c"))
    assert [one.footprint_id for one in taken(left("a", "b", "c"), known(*abroad))] == [A, C]
    heavy = (footprint("a", grams=ORDER_GRAMS_MAX - 1), footprint("b", grams=2), footprint("c", grams=1))
    assert [one.footprint_id for one in taken(left("a", "b", "c"), known(*heavy))] == [A, C]
    impossible = (footprint("a", grams=ORDER_GRAMS_MAX + 1), footprint("b"))
    assert [one.footprint_id for one in taken(left("a", "b"), known(*impossible))] == [B]
    with pytest.raises(ClaimTooLarge):
        taken(left("a"), known(*impossible))


def test_an_organiser_needs_no_token_and_a_guest_cannot_leave_it_out() -> None:
    wish = Wish(PROJECT, LISTING.listing_version, offered=taken(left("a"), known(footprint())))
    order = made(wish, known(footprint()), buyer=Buyer(id_of("ben", "o"), "organiser", 1, "1")).order
    assert (order.state, order.grams) == ("placed", 533_014)
    for token in ("", "W" * 26):
        with pytest.raises(ClaimMismatch):
            made(Wish(PROJECT, 3, offered=offered("a", token=token)), known(footprint()))


def test_a_scene_belongs_to_its_organiser_and_is_its_to_neutralise_once_it_is_closed() -> None:
    assert check_organiser(SCENE, "org_demo", scene_id=SCENE.scene_id) == SCENE
    with pytest.raises(SceneNotYours):
        check_organiser(SCENE, "org_other", scene_id=SCENE.scene_id)
    with pytest.raises(SceneUnknown):
        check_organiser(None, "org_demo", scene_id=SCENE.scene_id)
    check_closed(SCENE)
    for status in ("draft", "open", "suspended"):
        with pytest.raises(SceneOpen) as refusal:
            check_closed(SCENE.model_copy(update={"status": status}))
        assert refusal.value.facts == {"scene_status": status}


def test_an_organiser_has_its_name_and_is_shown_under_it() -> None:
    def organiser(naming: Naming) -> Beneficiary:
        return make_beneficiary(
            naming, beneficiary_id=id_of("ben", "o"), profile_hash="4" * 64, request_hash="5" * 64,
            mandate_version=MANDATE_VERSION, now=NOW,
        )  # fmt: skip

    made_one = organiser(Naming("organiser", "Forum Society (demo)"))
    assert (made_one.kind, made_one.name, made_one.board) == ("organiser", "Forum Society (demo)", "named")
    with pytest.raises(NameMissing):
        organiser(Naming("organiser"))
