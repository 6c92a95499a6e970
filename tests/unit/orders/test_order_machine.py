"""The order against a plain model, through random stories of registry, certificates, a provider, a guest and time."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.orders.domain.order import decide as decisions
from services.orders.domain.order import payments as payment_decisions
from services.orders.domain.order.decide import Answer, as_made, cancel, expire, latest_name, settle
from services.orders.domain.order.machine import DoesNotFit
from services.orders.domain.order.order import Decision, Order, Payment, Received, Settlement, Wish
from services.orders.domain.order.payments import Report, apply_report, polls_due
from services.orders.domain.order.payments import start as start_payment
from services.orders.domain.order.refunds import (
    RefundUnderWay,
    refund_failed,
    refund_made,
    refund_requested,
    refunds_due,
    settle_refund,
)
from shared.contracts.event import Event
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.web.idempotency import id_of
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

TOTAL = 2759
QUARTER = timedelta(minutes=15)
MONEY = [(TOTAL, "CNY"), (TOTAL, "CNY"), (TOTAL, "CNY"), (TOTAL + 1, "CNY"), (TOTAL - 1, "USD"), (TOTAL, "USD")]
FINAL = {"refused", "expired", "cancelled", "completed", "refunded"}
BOUGHT = {"purchased", "retired", "completed", "refunding", "refunded"}


@dataclass
class PlainOrder:
    """The order by section 2 of domain.md, in texts and integers. Each method returns what is told of its step."""

    state: str
    due: datetime
    certified: bool = False
    name: int = 1
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply_answer(self, word: str, now: datetime) -> list[str]:
        """What registry and certificates say; what does not fit is passed over."""
        match self.state, word:
            case "placed", "held":
                self.state, self.due = "held", now + QUARTER
            case "placed", "hold refused":
                self.state = "refused"
            case "purchased", "retired":
                self.state = "completed" if self.certified else "retired"
            case "purchased", "certified":
                self.certified = True
            case "retired", "certified":
                self.state, self.certified = "completed", True
            case "purchased", "post refused":
                self.state = "refunding"
                (bought,) = [payment for payment in self.payments.values() if payment["credited"]]
                bought["refund"] = ("requested", "credits_refused")
        return []

    def footprint_comes(self, fits: bool, now: datetime) -> list[str]:
        if self.state != "waiting":
            return []
        self.state, self.due = ("placed", now + QUARTER) if fits else ("refused", self.due)
        return ["placed"] if fits else []

    def end(self, state: str) -> list[str] | None:
        """By the buyer, who may say so again, or by time; none when it does not fit."""
        if self.state == state == "cancelled":
            return []
        if self.state not in {"waiting", "placed", "held"}:
            return None
        before, self.state = self.state, state
        return [] if before == "waiting" else [f"closed {state}"]

    def provider_reports(self, name: str, outcome: str, money: tuple[int, str]) -> list[str]:
        payment = self.payments[name]
        mine = payment["state"]
        if outcome == "authorised" and mine in {"started", "declined", "lapsed"}:
            if why := self._not_ours(money, takes_part={"held"}):
                payment.update(state="voiding", why=why)
            else:
                payment["state"] = self.state = "capturing"
        elif outcome == "paid" and mine != "paid":
            why = self._not_ours(money, takes_part={"held", "capturing"} if mine == "capturing" else {"held"})
            payment.update(state="paid", credited=not why, refund=("requested", why) if why else None)
            if not why:
                self.state = "purchased"
                return ["purchased"]
            if mine == "capturing":
                self.state = "held"
        elif outcome in {"declined", "lapsed"} and mine == "started":
            payment["state"] = outcome
        elif outcome == "refused" and mine == "capturing":
            payment["state"], self.state = "refused", "held"
        elif outcome == "voided" and mine == "voiding":
            payment["state"] = "voided"
        return []

    def refund(self, name: str, state: str) -> list[str]:
        payment = self.payments[name]
        if not payment["refund"] or payment["refund"][0] not in {"requested", "failed"}:
            return []
        payment["refund"] = (state, payment["refund"][1])
        if payment["credited"] and state != "failed":
            self.state = "refunded"
            return ["closed refunded"]
        return []

    def _not_ours(self, money: tuple[int, str], *, takes_part: set[str]) -> str | None:
        if money[1] != "CNY":
            return "wrong_currency"
        if money[0] != TOTAL:
            return "wrong_amount"
        if self.state in takes_part:
            return None
        return "second" if self.state == "capturing" or self.state in BOUGHT else "late"


@dataclass
class World:
    """What is true outside: the provider's record of each payment, the registry's of the order, and all that was said.

    What the order told waits in `unread` for the registry; `words` and `notices` may come any number of times.
    """

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    notices: list[tuple[str, Report]] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    ledger: str = "nothing"

    def registry_reads(self, word: str, agrees: bool) -> None:
        """Answer as the table of domain.md says; a hold that got lost stands for all that may go wrong there."""
        self.unread.remove(word)
        match word, self.ledger:
            case "placed", "nothing":
                self.ledger = "held" if agrees else "refused"
                self.words.append("held" if agrees else "hold refused")
            case "placed", "released":
                self.words.append("hold refused")
            case "purchased", "held":
                self.ledger = "posted" if agrees else "burned"
                self.words.append("retired" if agrees else "post refused")
            case _, "nothing" | "held":
                self.ledger = "released"

    def certificates_issue(self) -> None:
        if "retired" in self.words and "certified" not in self.words:
            self.words.append("certified")

    def open(self, name: str, mode: str) -> None:
        self.accounts[name] = {"mode": mode, "state": "open", "money": (0, ""), "returned": 0, "outside": 0}

    def tell(self, name: str, outcome: Any, at: datetime) -> Report:
        """Send a notice, which may arrive any number of times, or never."""
        money, has_money = self.accounts[name]["money"], outcome in {"authorised", "paid"}
        said = Report(outcome, Received(money[0], money[1], f"ref {name}", at) if has_money else None)
        self.notices.append((name, said))
        return said

    def decide(self, name: str, word: str, money: tuple[int, str], at: datetime) -> None:
        account = self.accounts[name]
        account["state"] = word
        if word == "yes":
            account["money"] = money
            account["state"] = "taken" if account["mode"] == "direct" else "authorised"
        self.tell(name, {"taken": "paid"}.get(account["state"], account["state"]), at)

    def capture(self, name: str, agrees: bool, at: datetime) -> Report:
        account = self.accounts[name]
        if account["state"] == "authorised":
            account["state"] = "taken" if agrees else "refused"
        return self.tell(name, "paid" if account["state"] == "taken" else "refused", at)

    def void(self, name: str, at: datetime) -> Report:
        account = self.accounts[name]
        if account["state"] == "authorised":
            account["state"] = "voided"
        return self.tell(name, "voided" if account["state"] == "voided" else "paid", at)

    def give_back(self, name: str) -> None:
        """Refund in full, once."""
        account = self.accounts[name]
        assert account["state"] == "taken"
        account["returned"] = account["money"][0]


WORDS: dict[str, Answer] = {
    "held": HELD,
    "hold refused": HOLD_REFUSED,
    "retired": RETIRED,
    "post refused": POST_REFUSED,
    "certified": CERTIFIED,
}


# How far stories have come when chance takes over, in the words of `_goes_on`, and what each has met by then.
BUYS = "hold authorise yes capture"
SO_FAR = {
    "": "placed",
    "short": "refused",
    "hold": "held",
    "hold later expire": "expired",
    "hold direct cancel yes": "late",
    "hold direct no": "declined",
    "hold direct wrong": "wrong_amount",
    "hold direct foreign": "wrong_currency",
    "hold direct wrong later settle": "settled_outside",
    "hold direct direct yes yes": "second",
    "hold authorise direct": "started",
    "hold authorise yes": "capturing",
    "hold authorise yes deny": "held",
    "hold authorise wrong": "voiding",
    "hold authorise cancel yes void": "voided",
    "hold authorise direct yes yes": "second",
    BUYS: "purchased",
    f"{BUYS} retire": "retired",
    f"{BUYS} retire certify": "completed",
    f"{BUYS} read certify": "purchased",
    f"{BUYS} read certify heard": "completed",
    f"{BUYS} refuse": "refunding",
    f"{BUYS} refuse fail": "failed",
    f"{BUYS} refuse ask settle": "refund under way",
    f"{BUYS} refuse return": "refunded",
    "hold authorise direct yes yes capture refuse other": "refunding",
}


class OrderMachine(RuleBasedStateMachine):
    """One order. Every word may come twice, late or never; the world answers each question of the order once."""

    so_far: ClassVar[str]
    met: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.world = World()
        self.plain: PlainOrder
        self.order: Order

    @initialize(
        wish=st.sampled_from(["a known footprint", "a mass", "a footprint", "a footprint of somebody else"]),
        cancels=st.booleans(),
        moments=st.sampled_from([[1, 60], [1, 60, 15 * 60]]),
    )
    def a_story_begins(self, wish: str, cancels: bool, moments: list[int]) -> None:
        self.cancels, self.moments = cancels, moments
        self._an_order_is_made(wish)
        if self.token_fits and self.so_far:
            self.the_footprint_is_consumed(is_covered=False)
            for step in self.so_far.split():
                self._goes_on(step)

    # Time, and the buyer.

    @rule(data=st.data())
    def time_passes(self, data: st.DataObject) -> None:
        self.now += timedelta(seconds=data.draw(st.sampled_from(self.moments)))

    @rule()
    def the_sweeper_looks(self) -> None:
        is_due = self.plain.state in {"waiting", "placed", "held"} and self.now >= self.plain.due
        expected = self.plain.end("expired") if is_due else []
        self._take(expire(self.order, now=self.now), expected or [])

    @precondition(lambda self: self.cancels)
    @rule()
    def the_buyer_cancels(self) -> None:
        expected = self.plain.end("cancelled")
        if expected is not None:
            self._take(cancel(self.order, now=self.now), expected)
            return
        with pytest.raises(DoesNotFit) as refusal:
            cancel(self.order, now=self.now)
        assert refusal.value.facts["state"] == self.plain.state

    @rule()
    def the_buyer_takes_another_name(self) -> None:
        sequence = self.order.buyer.name_sequence + 1
        if not any(payment["credited"] for payment in self.plain.payments.values()):
            self.plain.name = sequence
        self.order = latest_name(self.order, sequence)

    @rule(is_covered=st.sampled_from([False, False, False, True]))
    def the_footprint_is_consumed(self, is_covered: bool) -> None:
        covered = (footprint().root,) if is_covered else ()
        expected = self.plain.footprint_comes(self.token_fits and not is_covered, self.now)
        self._take(settle(self.order, known(footprint(), covered=covered), now=self.now), expected)

    # Registry and certificates.

    @precondition(lambda self: self.world.unread)
    @rule(data=st.data(), agrees=st.sampled_from([True, True, True, False]))
    def the_registry_reads_what_was_published(self, data: st.DataObject, agrees: bool) -> None:
        self.world.registry_reads(data.draw(st.sampled_from(self.world.unread)), agrees)

    @rule()
    def a_certificate_is_issued_for_what_is_retired(self) -> None:
        self.world.certificates_issue()

    @precondition(lambda self: self.world.words)
    @rule(data=st.data())
    def a_word_of_registry_or_certificates_comes(self, data: st.DataObject) -> None:
        self._consume(data.draw(st.sampled_from(self.world.words)))

    # The guest at the provider, and the provider.

    @rule(mode=st.sampled_from(["direct", "authorise"]))
    def a_payment_is_started(self, mode: str) -> None:
        if len(self.plain.payments) == 4:
            return
        name = id_of("pay", str(len(self.plain.payments)))
        request: dict[str, Any] = {"payment_id": name, "provider": "sandbox", "request_hash": "2" * 64, "now": self.now}
        if self.plain.state != "held":
            with pytest.raises(DoesNotFit):
                start_payment(self.order, **request)
            return
        decision = start_payment(self.order, **request)
        self.plain.payments[name] = {"state": "started", "credited": False, "refund": None, "why": None}
        self.world.open(name, mode)
        self._take(decision, [])

    @precondition(lambda self: self._accounts("open", "declined", "lapsed"))
    @rule(
        data=st.data(), word=st.sampled_from(["yes", "yes", "yes", "declined", "lapsed"]), money=st.sampled_from(MONEY)
    )
    def the_guest_decides(self, data: st.DataObject, word: str, money: tuple[int, str]) -> None:
        """Also one whose payment was declined or has lapsed may get through after all."""
        name = data.draw(st.sampled_from(self._accounts("open", "declined", "lapsed")))
        self.world.decide(name, word, money, self.now)

    @precondition(lambda self: self.world.notices)
    @rule(data=st.data())
    def a_notice_comes(self, data: st.DataObject) -> None:
        self._notify(*data.draw(st.sampled_from(self.world.notices)))

    @precondition(lambda self: self._payments("capturing", "voiding"))
    @rule(data=st.data(), agrees=st.booleans(), answers=st.booleans())
    def the_provider_is_requested_to_capture_or_to_void(self, data: st.DataObject, agrees: bool, answers: bool) -> None:
        name = data.draw(st.sampled_from(self._payments("capturing", "voiding")))
        does_capture = self.plain.payments[name]["state"] == "capturing"
        said = self.world.capture(name, agrees, self.now) if does_capture else self.world.void(name, self.now)
        if answers:
            self._notify(name, said)

    @precondition(lambda self: self._refunds())
    @rule(data=st.data(), comes=st.sampled_from(["made", "failed", "made, but nobody hears it", "nothing yet"]))
    def a_refund_is_tried(self, data: st.DataObject, comes: str) -> None:
        self._refund(data.draw(st.sampled_from(self._refunds())), comes)

    def _refund(self, name: str, comes: str) -> None:
        self._take(refund_requested(self.order, name, now=self.now), [])
        if comes == "failed":
            self._take(refund_failed(self.order, name, now=self.now), self.plain.refund(name, "failed"))
            return
        if comes == "nothing yet":
            return
        self.world.give_back(name)
        if comes == "made":
            decision = refund_made(self.order, name, reference="r", now=self.now)
            self._take(decision, self.plain.refund(name, "made"))

    @precondition(lambda self: self.plain.payments)
    @rule(data=st.data())
    def a_refund_s_answer_comes_again(self, data: st.DataObject) -> None:
        """One that went back by another way is never said to be made by the provider, who looks it up first."""
        for name, payment in self.plain.payments.items():
            if payment["refund"] and self.world.accounts[name]["returned"]:
                decision = refund_made(self.order, name, reference="r", now=self.now)
                self._take(decision, self.plain.refund(name, "made"))

    @precondition(lambda self: self._refunds())
    @rule(data=st.data())
    def staff_settle_a_refund_outside(self, data: st.DataObject) -> None:
        self._settle(data.draw(st.sampled_from(self._refunds())))

    def _settle(self, name: str) -> None:
        account = self.world.accounts[name]
        settlement = Settlement("req_1", "3" * 64, "back office")
        try:
            decision = settle_refund(self.order, name, reference="by hand", settlement=settlement, now=self.now)
        except RefundUnderWay:
            self.met["refund under way"] += 1
            return
        # The provider is looked up before this is written: money that went back is not paid again.
        if account["returned"]:
            return
        account["outside"] = account["money"][0]
        self._take(decision, self.plain.refund(name, "settled_outside"))

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

    def _goes_on(self, step: str) -> None:
        first = next(iter(self.plain.payments), "")
        steps: dict[str, Callable[[], None]] = {
            "hold": lambda: self._registry_answers("placed", "held", agrees=True),
            "short": lambda: self._registry_answers("placed", "hold refused", agrees=False),
            "authorise": lambda: self.a_payment_is_started("authorise"),
            "direct": lambda: self.a_payment_is_started("direct"),
            "yes": lambda: self._guest_decides("yes"),
            "wrong": lambda: self._guest_decides("yes", (TOTAL + 1, "CNY")),
            "foreign": lambda: self._guest_decides("yes", (TOTAL, "USD")),
            "no": lambda: self._guest_decides("declined"),
            "capture": lambda: self._notify(first, self.world.capture(first, agrees=True, at=self.now)),
            "deny": lambda: self._notify(first, self.world.capture(first, agrees=False, at=self.now)),
            "void": lambda: self._notify(first, self.world.void(first, self.now)),
            "retire": lambda: self._registry_answers("purchased", "retired", agrees=True),
            "refuse": lambda: self._registry_answers("purchased", "post refused", agrees=False),
            "read": lambda: self.world.registry_reads("purchased", agrees=True),
            "certify": self._certificates_answer,
            "heard": lambda: self._consume("retired"),
            "ask": lambda: self._refund(first, "nothing yet"),
            "fail": lambda: self._refund(first, "failed"),
            "return": lambda: self._refund(first, "made"),
            "other": lambda: self._refund(list(self.plain.payments)[-1], "made"),
            "settle": lambda: self._settle(first),
            "cancel": self.the_buyer_cancels,
            "later": lambda: setattr(self, "now", self.now + QUARTER),
            "expire": self.the_sweeper_looks,
        }
        steps[step]()

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

    def _notify(self, name: str, said: Report) -> None:
        received = said.received
        money = (received.amount_fen, received.currency) if received else (0, "")
        expected = self.plain.provider_reports(name, said.outcome, money)
        self._take(apply_report(self.order, name, said, now=self.now), expected)

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
    for name, said in [*world.notices]:
        take(apply_report(order, name, said, now=now))
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


def _looked_up(world: World, payment: Payment, now: datetime) -> Report:
    name, account = payment.payment_id, world.accounts[payment.payment_id]
    if payment.state == "capturing":
        return world.capture(name, agrees=True, at=now)
    if payment.state == "voiding":
        return world.void(name, now)
    state = {"open": "lapsed", "taken": "paid"}.get(account["state"], account["state"])
    return world.tell(name, state, now)


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


@pytest.mark.parametrize("so_far", SO_FAR)
def test_o3_m3_and_m4_an_order_stands_as_a_plain_model_does_whatever_comes_in_whatever_order(so_far: str) -> None:
    class Story(OrderMachine):
        pass

    Story.so_far, Story.met = so_far, Counter()
    run_state_machine_as_test(
        Story, settings=settings(max_examples=25, stateful_step_count=40, deadline=None, derandomize=True)
    )
    assert Story.met[SO_FAR[so_far]]
