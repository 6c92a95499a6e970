"""One order and its plain model: how a test lets something happen to both, and what holds after every step."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from services.orders.domain.order import decide as decisions
from services.orders.domain.order import payments as payment_decisions
from services.orders.domain.order.decide import Answer, as_made, expire, settle
from services.orders.domain.order.order import Decision, Order, Wish
from services.orders.domain.order.payments import Report, apply_report, polls_due
from services.orders.domain.order.refunds import (
    refund_made,
    refund_requested,
    refunds_due,
)
from shared.contracts.event import Event
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from tests.unit.orders.examples import (
    CERTIFIED,
    HELD,
    HOLD_REFUSED,
    NOW,
    POST_REFUSED,
    PROJECT,
    RETIRED,
    footprint,
    known,
    made,
    offered,
)
from tests.unit.orders.plain_order import BOUGHT, FINAL, QUARTER, TOTAL, PlainOrder, World, _looked_up

WORDS: dict[str, Answer] = {
    "held": HELD,
    "hold refused": HOLD_REFUSED,
    "retired": RETIRED,
    "post refused": POST_REFUSED,
    "certified": CERTIFIED,
}


class OrderWithModel(RuleBasedStateMachine):
    """Without rules of its own: who adds some says what happens."""

    met: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.world = World()
        self.plain: PlainOrder
        self.order: Order

    # What holds after every step.

    @invariant()
    def the_order_stands_as_the_model_does(self) -> None:
        mine, plain = self.order, self.plain
        assert (mine.state, mine.buyer.name_sequence) == (plain.state, plain.name)
        assert mine.due == (plain.due if plain.state in {"waiting", "placed", "held"} else None)
        assert [payment.payment_id for payment in mine.payments] == list(plain.payments)
        for payment in mine.payments:
            expected = plain.payments[payment.payment_id]
            refund = (payment.refund.state, payment.refund.why) if payment.refund else None
            assert (payment.state, payment.credited, refund) == tuple(
                expected[name] for name in ("state", "credited", "refund")
            )
            if payment.state in {"voiding", "voided"}:
                assert payment.void_why == expected["why"]

    @invariant()
    def m3_the_price_is_frozen_and_no_more_goes_back_than_came(self) -> None:
        if self.order.priced:
            assert (self.order.grams, self.order.total_fen, self.order.listing) == (533_014, TOTAL, self.first.listing)
        for account in self.world.accounts.values():
            assert account["returned"] + account["outside"] <= account["money"][0]
            assert not (account["returned"] and account["outside"])

    @invariant()
    def m4_money_taken_has_bought_the_order_or_is_on_its_way_back(self) -> None:
        credited = [payment for payment in self.order.payments if payment.credited]
        assert len(credited) == (self.order.state in BOUGHT)
        for payment in self.order.payments:
            if payment.state == "paid":
                assert payment.credited != (payment.refund is not None) or self.order.state in {"refunding", "refunded"}
            else:
                assert payment.refund is None
        if self.order.state in {"retired", "completed"}:
            assert credited[0].refund is None, "no refund after retirement"

    @invariant()
    def closed_and_purchased_are_never_both_published_but_for_refunded(self) -> None:
        published = self.world.published
        assert max(Counter(published).values(), default=0) <= 1
        closed = [word for word in published if word.startswith("closed")]
        assert len(closed) <= 1
        if closed and "purchased" in published:
            assert published[-2:] == ["purchased", "closed refunded"]
        assert published[:1] in ([], ["placed"])

    @invariant()
    def a_repeated_request_gets_the_first_answer(self) -> None:
        assert as_made(self.order) == replace(self.first, buyer=self.order.buyer)

    @invariant()
    def o3_from_here_the_order_reaches_its_end_and_all_other_money_goes_back(self) -> None:
        """Everybody answers from now on: then it ends, by the table's own clocks alone."""
        order, world, now = self.order, copy.deepcopy(self.world), self.now
        for _ in range(40):
            before, now = order, now + timedelta(minutes=6)
            order = _all_answer(order, world, now)
            if order == before and order.state in FINAL:
                break
        assert order.state in FINAL
        for payment in order.payments:
            account = world.accounts[payment.payment_id]
            back = account["returned"] or account["outside"]
            if account["state"] == "taken":
                assert bool(back) != (order.state == "completed" and payment.credited)
            assert account["state"] != "authorised", "nothing stays set aside"

    # The means.

    def _guest_decides(self, word: str, money: tuple[int, str] = (TOTAL, "CNY")) -> None:
        self.world.decide(self._accounts("open")[0], word, money, self.now)
        self._notify(*self.world.notices[-1])

    def _certificates_answer(self) -> None:
        self.world.certificates_issue()
        self._consume("certified")

    def _registry_answers(self, read: str, word: str, *, agrees: bool) -> None:
        self.world.registry_reads(read, agrees)
        self._consume(word)

    def _consume(self, word: str) -> None:
        expected = self.plain.apply_answer(word, self.now)
        self._take(decisions.apply_answer(self.order, WORDS[word], now=self.now), expected)

    def _an_order_is_made(self, wish: str) -> None:
        claims = offered("a", token="X" * 26) if wish.endswith("else") else offered("a")
        by = Wish(PROJECT, 3, mass_g=533_014) if wish == "a mass" else Wish(PROJECT, 3, offered=claims)
        waits = wish.startswith("a footprint")
        decision = made(by, known(footprint()) if wish == "a known footprint" else known())
        self.plain = PlainOrder("waiting" if waits else "placed", NOW + (timedelta(minutes=10) if waits else QUARTER))
        self.token_fits = not wish.endswith("else")
        self.first = decision.order
        self.order = decision.order
        self._is_published(decision, [] if waits else ["placed"])

    def _accounts(self, *states: str) -> list[str]:
        return [name for name, account in self.world.accounts.items() if account["state"] in states]

    def _payments(self, *states: str) -> list[str]:
        return [name for name, payment in self.plain.payments.items() if payment["state"] in states]

    def _refunds(self) -> list[str]:
        return [
            name
            for name, payment in self.plain.payments.items()
            if payment["refund"] and payment["refund"][0] in {"requested", "failed"}
        ]

    def _notify(self, name: str, report: Report) -> None:
        received = report.received
        money = (received.amount_fen, received.currency) if received else (0, "")
        expected = self.plain.provider_reports(name, report.outcome, money)
        self._take(apply_report(self.order, name, report, now=self.now), expected)

    def _take(self, decision: Decision, expected: list[str]) -> None:
        if decision.order == self.order:
            assert decision.events == ()
        self.order = decision.order
        self.met[self.order.state] += 1
        for payment in self.plain.payments.values():
            self.met.update([payment["state"], payment["why"] or "", *(payment["refund"] or ())])
        self._is_published(decision, expected)

    def _is_published(self, decision: Decision, expected: list[str]) -> None:
        assert [_word(event) for event in decision.events] == expected
        self.world.published += expected
        self.world.unread += expected


def _all_answer(order: Order, world: World, now: datetime) -> Order:
    """Let everybody say all that they have to say, and agree to all that they are asked for."""

    def take(decision: Decision) -> None:
        nonlocal order
        order = decision.order
        world.unread += [_word(event) for event in decision.events]

    take(settle(order, known(footprint()), now=now))
    for word in [*world.unread]:
        world.registry_reads(word, agrees=True)
    world.certificates_issue()
    for word in world.words:
        take(decisions.apply_answer(order, WORDS[word], now=now))
    for name, report in [*world.notices]:
        take(apply_report(order, name, report, now=now))
    due = polls_due(order, now=now)
    take(payment_decisions.polled(order, now=now))
    for payment in due:
        take(apply_report(order, payment.payment_id, _looked_up(world, payment, now), now=now))
    for payment in refunds_due(order, now=now):
        take(refund_requested(order, payment.payment_id, now=now))
        world.give_back(payment.payment_id)
        take(refund_made(order, payment.payment_id, reference="r", now=now))
    take(expire(order, now=now))
    return order


def _word(event: Event) -> str:
    match event:
        case OrderPlaced():
            assert event.grams == 533_014
            return "placed"
        case OffsetPurchased():
            assert event.total_fen == TOTAL
            return "purchased"
        case OrderClosed():
            return f"closed {event.why}"
    raise AssertionError(event)
