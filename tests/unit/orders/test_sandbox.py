"""The sandbox's record in both of its modes, each fault that it plays, and its signed notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.orders.domain import sandbox
from services.orders.domain.notice import NoticeForged, check_signature, sign
from services.orders.domain.order import Received
from services.orders.domain.payments import ProviderRefused, Said
from services.orders.domain.sandbox import FaultNotPlayable, PaymentDecided, SandboxPayment
from tests.unit.orders.examples import MINUTE, NOW, ORDER, PAYMENT

KEY = b"k" * 32
SECOND = timedelta(seconds=1)
OPEN = SandboxPayment(
    PAYMENT, ORDER, {"en": "Linpan groves (demo)"}, 533_014, 2759, "CNY", NOW, pay_by=NOW + 15 * MINUTE
)
CARD = replace(OPEN, mode="authorise")


def captured(payment: SandboxPayment, times: int = 1) -> tuple[SandboxPayment, list[Said | None]]:
    answers = []
    for _ in range(times):
        payment, answer = sandbox.capture(payment, now=NOW + MINUTE)
        answers.append(answer)
    return payment, answers


@pytest.mark.parametrize(("payment", "decided"), [(OPEN, "paid"), (CARD, "authorised")])
def test_a_guest_decides_once(payment: SandboxPayment, decided: str) -> None:
    approved = sandbox.approve(payment, now=NOW)
    assert (approved.decided, approved.state) == (decided, decided)
    assert sandbox.approve(approved, now=NOW + MINUTE) == approved
    declined = sandbox.decline(payment, now=NOW)
    assert sandbox.decline(declined, now=NOW + MINUTE) == declined
    otherwise: list[Callable[[], object]] = [
        lambda: sandbox.decline(approved, now=NOW),
        lambda: sandbox.approve(approved, ("slow",), now=NOW),
        lambda: sandbox.approve(declined, now=NOW),
    ]
    for act in otherwise:
        with pytest.raises(PaymentDecided):
            act()


def test_an_old_payment_has_lapsed_and_cannot_be_approved() -> None:
    assert sandbox.said(OPEN, now=NOW + 59 * MINUTE) is None
    assert sandbox.said(OPEN, now=NOW + 60 * MINUTE) == Said("lapsed")
    with pytest.raises(PaymentDecided):
        sandbox.approve(OPEN, now=NOW + 60 * MINUTE)


@pytest.mark.parametrize("payment", [OPEN, CARD])
def test_asking_and_being_told_say_the_same(payment: SandboxPayment) -> None:
    for decided in (sandbox.approve(payment, now=NOW), sandbox.decline(payment, now=NOW)):
        telling = sandbox.due(decided, now=NOW)
        assert telling is not None
        assert sandbox.said(decided, now=NOW) == sandbox.notice(decided, telling).said


def test_money_of_a_card_moves_at_the_capture_once_and_is_told_then() -> None:
    approved = sandbox.approve(CARD, now=NOW)
    assert approved.taken_at is None
    taken, answers = captured(approved, times=3)
    assert taken.taken_at == NOW + MINUTE
    assert answers == [Said("paid", Received(2759, "CNY", CARD.reference, NOW + MINUTE))] * 3
    assert [telling.of for telling in taken.tellings] == ["authorised", "paid"]
    assert sandbox.said(taken, now=NOW + MINUTE) == answers[0]
    with pytest.raises(ProviderRefused):
        sandbox.void(taken, now=NOW)
    for other in (OPEN, sandbox.approve(OPEN, now=NOW), CARD, sandbox.decline(CARD, now=NOW)):
        with pytest.raises(ProviderRefused):
            sandbox.capture(other, now=NOW)


def test_money_that_is_let_go_once_cannot_be_taken_any_more() -> None:
    voided = sandbox.void(sandbox.approve(CARD, now=NOW), now=NOW + MINUTE)
    assert sandbox.void(voided, now=NOW + 2 * MINUTE) == voided
    after, answers = captured(voided)
    assert (after.taken_at, answers) == (None, [Said("refused")])
    assert (voided.state, sandbox.said(voided, now=NOW)) == ("voided", Said("lapsed"))


def test_money_is_given_back_once_in_full_and_only_if_it_came() -> None:
    paid = sandbox.approve(OPEN, now=NOW)
    back = sandbox.give_back(paid, amount_fen=2759, currency="CNY", now=NOW)
    assert (back.refunded_at, back.state) == (NOW, "refunded")
    assert sandbox.give_back(back, amount_fen=2759, currency="CNY", now=NOW + MINUTE) == back
    told = sandbox.said(back, now=NOW)
    assert told is not None
    assert told.refunded == sandbox.refund_reference(back)
    authorised = sandbox.approve(CARD, now=NOW)
    for payment, amount_fen, currency in [
        (OPEN, 2759, "CNY"),
        (authorised, 2759, "CNY"),
        (paid, 2758, "CNY"),
        (paid, 2759, "USD"),
    ]:
        with pytest.raises(ProviderRefused):
            sandbox.give_back(payment, amount_fen=amount_fen, currency=currency, now=NOW)


def test_slow_silent_and_twice_change_the_notices_and_nothing_else() -> None:
    plain = sandbox.approve(OPEN, now=NOW)
    slow, silent, twice = (sandbox.approve(OPEN, (fault,), now=NOW) for fault in ("slow", "silent", "twice"))
    assert sandbox.due(plain, now=NOW) == sandbox.Telling("paid", NOW)
    assert sandbox.due(slow, now=NOW + 9 * SECOND) is None
    assert sandbox.due(slow, now=NOW + 10 * SECOND) is not None
    assert silent.tellings == ()
    once = sandbox.told(twice, "paid", taken=True, now=NOW)
    assert sandbox.due(once, now=NOW) is not None
    assert sandbox.told(once, "paid", taken=True, now=NOW).tellings == ()
    assert sandbox.told(plain, "paid", taken=True, now=NOW).tellings == ()
    assert {sandbox.said(each, now=NOW) for each in (slow, silent, twice)} == {sandbox.said(plain, now=NOW)}
    card, _ = captured(sandbox.approve(CARD, ("silent",), now=NOW))
    assert (card.tellings, card.taken_at) == ((), NOW + MINUTE)


def test_a_notice_that_is_not_taken_is_sent_again_ever_more_rarely() -> None:
    payment, now, waits = sandbox.approve(OPEN, now=NOW), NOW, []
    for _ in range(9):
        payment = sandbox.told(payment, "paid", taken=False, now=now)
        (telling,) = payment.tellings
        waits.append((telling.at - now).total_seconds())
        now = telling.at
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("payment", [OPEN, CARD])
def test_late_money_is_nowhere_until_a_minute_after_the_time_to_pay(payment: SandboxPayment) -> None:
    late = sandbox.approve(payment, ("late",), now=NOW)
    assert sandbox.said(late, now=NOW + 16 * MINUTE - SECOND) is None
    assert sandbox.due(late, now=NOW + 16 * MINUTE - SECOND) is None
    landed = sandbox.said(late, now=NOW + 16 * MINUTE)
    assert landed is not None
    assert landed.received is not None
    assert landed.received.at == NOW + 16 * MINUTE
    assert sandbox.due(late, now=NOW + 16 * MINUTE) is not None
    already = sandbox.approve(payment, ("late",), now=NOW + 20 * MINUTE)
    assert already.decided_at == NOW + 20 * MINUTE


def test_wrong_amount_and_currency_are_what_the_guest_is_charged() -> None:
    wrong = sandbox.approve(OPEN, ("wrong_currency", "wrong_amount"), now=NOW)
    assert (wrong.amount_fen, wrong.currency) == (2760, "USD")
    said = sandbox.said(wrong, now=NOW)
    assert said is not None
    assert said.received is not None
    assert (said.received.amount_fen, said.received.currency) == (2760, "USD")


@pytest.mark.parametrize(("fault", "refusals"), [("refund_refused_twice", 2), ("refund_refused", 50)])
def test_a_refund_is_refused_twice_or_for_ever(fault: sandbox.Fault, refusals: int) -> None:
    payment = sandbox.approve(OPEN, (fault,), now=NOW)
    for _ in range(refusals):
        payment = sandbox.give_back(payment, amount_fen=2759, currency="CNY", now=NOW)
        assert payment.refunded_at is None
    payment = sandbox.give_back(payment, amount_fen=2759, currency="CNY", now=NOW)
    assert (payment.refunded_at is not None) == (fault == "refund_refused_twice")


@pytest.mark.parametrize(("more", "outcome"), [((), "paid"), (("capture_refused",), "refused")])
def test_s12_answers_to_a_capture_are_lost_twice_and_then_say_what_was_done_at_first(
    more: tuple[sandbox.Fault, ...], outcome: str
) -> None:
    payment = sandbox.approve(CARD, ("capture_times_out", *more), now=NOW)
    once, _ = captured(payment)
    assert bool(once.taken_at) == (outcome == "paid"), "the bank has done it, only its answer is lost"
    after, answers = captured(payment, times=4)
    assert [answer and answer.outcome for answer in answers] == [None, None, outcome, outcome]
    assert after.taken_at == once.taken_at
    refused, said = captured(sandbox.approve(CARD, ("capture_refused",), now=NOW))
    assert (said, refused.state) == ([Said("refused")], "refused")


def test_faults_of_a_capture_are_not_for_payments_that_have_none() -> None:
    for fault in sandbox.FAULTS:
        assert sandbox.approve(CARD, (fault,), now=NOW).faults == (fault,)
        if fault in OPEN.playable:
            assert sandbox.approve(OPEN, (fault,), now=NOW).faults == (fault,)
        else:
            with pytest.raises(FaultNotPlayable):
                sandbox.approve(OPEN, (fault,), now=NOW)
    assert set(sandbox.FAULTS) - set(OPEN.playable) == {"capture_times_out", "capture_refused"}


def test_s9_a_signature_holds_for_its_body_its_key_and_five_minutes() -> None:
    body = b'{"payment_id":"pay_1"}'
    signature = sign(KEY, body, now=NOW)
    check_signature(KEY, body, signature, now=NOW)
    check_signature(KEY, body, signature, now=NOW + 5 * MINUTE)
    moment, digest = signature.split(",")
    wrong = [
        (KEY, body + b" ", signature, NOW),
        (b"other", body, signature, NOW),
        (KEY, body, f"t={int(NOW.timestamp()) + 1},{digest}", NOW),
        (KEY, body, f"{moment},v1={'0' * 64}", NOW),
        (KEY, body, signature, NOW + 5 * MINUTE + timedelta(seconds=1)),
        (KEY, body, signature, NOW - 6 * MINUTE),
        (KEY, body, None, NOW),
        (KEY, body, "", NOW),
        (KEY, body, f"{signature}é", NOW),
    ]
    for key, signed, header, now in wrong:
        with pytest.raises(NoticeForged):
            check_signature(key, signed, header, now=now)
