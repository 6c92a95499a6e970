"""The order against a plain model, through random stories of registry, certificates, a provider, a guest and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.orders.domain.order.decide import cancel, expire, latest_name, settle
from services.orders.domain.order.machine import DoesNotFit
from services.orders.domain.order.order import Settlement
from services.orders.domain.order.payments import start as start_payment
from services.orders.domain.order.refunds import (
    RefundUnderWay,
    refund_failed,
    refund_made,
    refund_requested,
    settle_refund,
)
from shared.web.idempotency import id_of
from tests.unit.orders.examples import (
    footprint,
    known,
)
from tests.unit.orders.order_with_model import OrderWithModel
from tests.unit.orders.plain_order import QUARTER, TOTAL

MONEY = [(TOTAL, "CNY"), (TOTAL, "CNY"), (TOTAL, "CNY"), (TOTAL + 1, "CNY"), (TOTAL - 1, "USD"), (TOTAL, "USD")]
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
    f"{BUYS} read certify consume": "completed",
    f"{BUYS} refuse": "refunding",
    f"{BUYS} refuse fail": "failed",
    f"{BUYS} refuse ask settle": "refund under way",
    f"{BUYS} refuse return": "refunded",
    "hold authorise direct yes yes capture refuse other": "refunding",
}


class OrderMachine(OrderWithModel):
    """One order. Every word may come twice, late or never; the world answers each question of the order once."""

    so_far: ClassVar[str]

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
        report = self.world.capture(name, agrees, self.now) if does_capture else self.world.void(name, self.now)
        if answers:
            self._notify(name, report)

    @precondition(lambda self: self._refunds())
    @rule(data=st.data(), comes=st.sampled_from(["made", "failed", "made, but the answer is lost", "nothing yet"]))
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

    # One step by name.

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
            "consume": lambda: self._consume("retired"),
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


@pytest.mark.parametrize("so_far", SO_FAR)
def test_o3_m3_and_m4_an_order_stands_as_a_plain_model_does_whatever_comes_in_whatever_order(so_far: str) -> None:
    class Story(OrderMachine):
        pass

    Story.so_far, Story.met = so_far, Counter()
    run_state_machine_as_test(
        Story, settings=settings(max_examples=25, stateful_step_count=40, deadline=None, derandomize=True)
    )
    assert Story.met[SO_FAR[so_far]]
