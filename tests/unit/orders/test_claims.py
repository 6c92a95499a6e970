"""Whether footprints may be claimed, and what an order makes of them."""

from __future__ import annotations

import pytest

from services.orders.domain.order.claim import ClaimRefused, FootprintFacts
from services.orders.domain.order.decide import as_made, cancel, settle
from services.orders.domain.order.offers import PriceChanged, ProjectNotForSale, ProjectUnknown
from services.orders.domain.order.order import Decision, Offered, Refused, Wish
from shared.contracts.orders import OrderPlaced
from shared.web.idempotency import id_of
from tests.unit.orders.examples import LISTING, MINUTE, NOW, ORDER, PROJECT, footprint, known, made, offered

A, B = id_of("fp", "a"), id_of("fp", "b")
WISH = Wish(PROJECT, 3, offered=offered("a"))


def test_an_order_by_a_known_footprint_is_placed_at_once_with_its_grams_and_jurisdiction() -> None:
    decision = made(
        Wish(PROJECT, 3, offered=offered("a", "b"), country="IN"),
        known(footprint("a"), footprint("b", grams=1_000, scene_id=None)),
    )
    priced = decision.order.priced
    assert priced is not None
    assert (decision.order.state, priced.grams, priced.jurisdiction, priced.scene_id) == ("placed", 534_014, "CN", None)
    assert [(one.footprint_id, one.root, one.grams) for one in priced.footprints] == [(A, A, 533_014), (B, B, 1_000)]
    assert decision.events == (OrderPlaced(order_id=ORDER, project_id=PROJECT, grams=534_014, listing_version=3),)


def test_footprints_of_one_scene_bring_it_along() -> None:
    priced = made(Wish(PROJECT, 3, offered=offered("a", "b")), known(footprint("a"), footprint("b"))).order.priced
    assert priced is not None
    assert priced.scene_id == footprint("a").scene_id


def test_s13_an_order_before_its_footprint_waits_publishes_nothing_and_is_placed_when_it_comes() -> None:
    waits = made(WISH)
    assert (waits.order.state, waits.order.grams, waits.order.total_fen, waits.events) == ("waiting", None, None, ())
    assert waits.order.listing.unit_price_fen == 4800
    assert settle(waits.order, known(), now=NOW) == Decision(waits.order)
    placed = settle(waits.order, known(footprint()), now=NOW + MINUTE)
    assert (placed.order.state, placed.order.total_fen) == ("placed", 2759)
    assert [type(event) for event in placed.events] == [OrderPlaced]


def test_s13_a_waiting_order_is_refused_by_a_footprint_that_its_token_does_not_fit() -> None:
    waits = made(Wish(PROJECT, 3, offered=offered("a", "b", token="W" * 26))).order
    refused = settle(waits, known(footprint("a")), now=NOW)
    assert refused.order.state == "refused", "although the other footprint has not come yet"
    assert refused.order.refused == Refused("claim_mismatch")
    assert refused.events == ()


def test_an_order_waits_until_the_last_of_its_footprints_has_come() -> None:
    waits = made(Wish(PROJECT, 3, offered=offered("a", "b")), known(footprint("a"))).order
    assert waits.state == "waiting"
    assert settle(waits, known(footprint("b"), footprint("a")), now=NOW).order.grams == 1_066_028


@pytest.mark.parametrize(
    ("offers", "knows", "code"),
    [
        (offered("a", token="W" * 26), known(footprint()), "claim_mismatch"),
        (offered("a"), known(footprint(), covered=(A,)), "footprint_covered"),
        (offered("b"), known(footprint("b", root=A), covered=(A,)), "footprint_covered"),
        (offered("a"), known(footprint(), replaced=(A,)), "footprint_replaced"),
        (offered("a", "b"), known(footprint(), footprint("b", root=A, replaces=A)), "footprint_replaced"),
        (offered("a", "b"), known(footprint(), footprint("b", jurisdiction="CN-CD")), "jurisdictions_differ"),
        (offered("a", "b"), known(footprint(grams=10**12), footprint("b")), "claim_too_large"),
    ],
)
def test_a_claim_that_may_not_be_made_is_refused_when_ordering_and_while_waiting(
    offers: tuple[Offered, ...], knows: FootprintFacts, code: str
) -> None:
    wish = Wish(PROJECT, 3, offered=offers)
    with pytest.raises(ClaimRefused) as refusal:
        made(wish, knows)
    assert (refusal.value.code, refusal.value.field) == (code, "claims")
    settled = settle(made(wish).order, knows, now=NOW)
    assert (settled.order.state, settled.events) == ("refused", ())
    assert settled.order.refused == Refused(code)


def test_a_buyer_must_have_seen_the_listing_as_it_is() -> None:
    with pytest.raises(PriceChanged) as moved:
        made(Wish(PROJECT, 2, mass_g=5))
    assert moved.value.facts == {"unit_price_fen": 4800, "listing_version": 3}
    with pytest.raises(ProjectNotForSale) as suspended:
        made(Wish(PROJECT, 3, mass_g=5), listing=LISTING.model_copy(update={"status": "suspended"}))
    assert suspended.value.facts == {"listing_status": "suspended"}
    with pytest.raises(ProjectUnknown):
        made(Wish(PROJECT, 3, mass_g=5), listing=None)


def test_a_repeat_is_shown_the_order_as_it_was_when_it_was_made() -> None:
    waits = made(WISH).order
    later = settle(waits, known(footprint()), now=NOW + MINUTE).order
    assert as_made(later) == waits
    placed = made().order
    assert as_made(cancel(placed, now=NOW + MINUTE).order) == placed
