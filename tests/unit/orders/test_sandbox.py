"""The sandbox's payments in both modes, each fault that it plays, its record, and the notices that orders checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.sandbox import payments as sandbox
from deploy.sandbox.bodies import PaymentResponse
from deploy.sandbox.notices import SIGNATURE_HEADER, body_of, sign
from deploy.sandbox.payments import FaultNotPlayable, NotPossible, Payment, PaymentDecided
from deploy.sandbox.provider import PaymentDiffers, Sandbox
from deploy.sandbox.records import Records
from services.orders.domain.order.order import Received
from services.orders.domain.order.payments import NoticeForged, Report
from services.orders.handlers import sandbox as adapter
from tests.unit.orders.examples import MINUTE, NOW, ORDER, PAYMENT

KEY = "k" * 32
SECOND = timedelta(seconds=1)
OPEN = Payment(PAYMENT, ORDER, {"en": "Linpan groves (demo)"}, 533_014, 2759, "CNY", NOW, pay_by=NOW + 15 * MINUTE)
CARD = replace(OPEN, mode="authorise")


def report_of(payment: Payment, now=NOW) -> Report | None:
    """What orders makes of the sandbox's answer to a look-up."""
    return adapter.read_payment(PaymentResponse.of(payment, now=now).model_dump_json().encode()).report()


def captured(payment: Payment, times: int = 1) -> tuple[Payment, list[bool]]:
    """The payment after so many captures, and of each whether its answer is lost."""
    lost = []
    for _ in range(times):
        payment = sandbox.capture(payment, now=NOW + MINUTE)
        lost.append(sandbox.answer_is_lost(payment))
    return payment, lost


@pytest.mark.parametrize(("payment", "decided"), [(OPEN, "paid"), (CARD, "authorised")])
def test_a_guest_decides_once(payment: Payment, decided: str) -> None:
    approved = sandbox.approve(payment, now=NOW)
    assert (approved.decided, approved.state(NOW)) == (decided, decided)
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
    assert report_of(OPEN, NOW + 59 * MINUTE) is None
    assert report_of(OPEN, NOW + 60 * MINUTE) == Report("lapsed")
    with pytest.raises(PaymentDecided):
        sandbox.approve(OPEN, now=NOW + 60 * MINUTE)


@pytest.mark.parametrize("payment", [OPEN, CARD])
def test_a_look_up_and_a_notice_report_the_same(payment: Payment) -> None:
    orders = adapter.Sandbox("http://127.0.0.1:1", KEY, lambda: NOW)
    for decided in (sandbox.approve(payment, now=NOW), sandbox.decline(payment, now=NOW)):
        notice = sandbox.due(decided, now=NOW)
        assert notice is not None
        body = body_of(decided, notice)
        taken = orders.notice(body, {SIGNATURE_HEADER: sign(KEY, body, now=NOW)})
        assert (taken.payment_id, taken.report) == (PAYMENT, report_of(decided))


def test_money_of_a_card_moves_at_the_capture_once_and_is_notified_then() -> None:
    approved = sandbox.approve(CARD, now=NOW)
    assert approved.taken_at is None
    taken, lost = captured(approved, times=3)
    assert (taken.taken_at, taken.captures, lost) == (NOW + MINUTE, 3, [False] * 3)
    assert [notice.outcome for notice in taken.notices] == ["authorised", "paid"]
    assert report_of(taken, NOW + MINUTE) == Report("paid", Received(2759, "CNY", CARD.reference, NOW + MINUTE))
    with pytest.raises(NotPossible):
        sandbox.void(taken, now=NOW)
    for other in (OPEN, sandbox.approve(OPEN, now=NOW), CARD, sandbox.decline(CARD, now=NOW)):
        with pytest.raises(NotPossible):
            sandbox.capture(other, now=NOW)


def test_money_that_is_let_go_once_cannot_be_taken_any_more() -> None:
    voided = sandbox.void(sandbox.approve(CARD, now=NOW), now=NOW + MINUTE)
    assert sandbox.void(voided, now=NOW + 2 * MINUTE) == voided
    after, _ = captured(voided)
    assert (after.taken_at, after.state(NOW)) == (None, "voided")
    assert report_of(voided) == Report("lapsed")


def test_money_is_refunded_once_in_full_and_only_if_it_came() -> None:
    paid = sandbox.approve(OPEN, now=NOW)
    back = sandbox.refund(paid, amount_fen=2759, currency="CNY", now=NOW)
    assert (back.refunded_at, back.state(NOW)) == (NOW, "refunded")
    assert sandbox.refund(back, amount_fen=2759, currency="CNY", now=NOW + MINUTE) == back
    report = report_of(back)
    assert report is not None
    assert report.refunded == back.refund_reference == f"refund-{back.reference}"
    assert paid.refund_reference == ""
    authorised = sandbox.approve(CARD, now=NOW)
    for payment, amount_fen, currency in [
        (OPEN, 2759, "CNY"),
        (authorised, 2759, "CNY"),
        (paid, 2758, "CNY"),
        (paid, 2759, "USD"),
    ]:
        with pytest.raises(NotPossible):
            sandbox.refund(payment, amount_fen=amount_fen, currency=currency, now=NOW)


def test_slow_silent_and_twice_change_the_notices_and_nothing_else() -> None:
    plain = sandbox.approve(OPEN, now=NOW)
    slow, silent, twice = (sandbox.approve(OPEN, (fault,), now=NOW) for fault in ("slow", "silent", "twice"))
    assert sandbox.due(plain, now=NOW) == sandbox.Notice("paid", NOW)
    assert sandbox.due(slow, now=NOW + 9 * SECOND) is None
    assert sandbox.due(slow, now=NOW + 10 * SECOND) is not None
    assert silent.notices == ()
    once = sandbox.delivered(twice, "paid", taken=True, now=NOW)
    assert sandbox.due(once, now=NOW) is not None
    assert sandbox.delivered(once, "paid", taken=True, now=NOW).notices == ()
    assert sandbox.delivered(plain, "paid", taken=True, now=NOW).notices == ()
    assert {report_of(each) for each in (slow, silent, twice)} == {report_of(plain)}
    card, _ = captured(sandbox.approve(CARD, ("silent",), now=NOW))
    assert (card.notices, card.taken_at) == ((), NOW + MINUTE)


def test_a_notice_that_is_not_taken_is_sent_again_ever_more_rarely() -> None:
    payment, now, waits = sandbox.approve(OPEN, now=NOW), NOW, []
    for _ in range(9):
        payment = sandbox.delivered(payment, "paid", taken=False, now=now)
        (notice,) = payment.notices
        waits.append((notice.at - now).total_seconds())
        now = notice.at
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("payment", [OPEN, CARD])
def test_late_money_is_nowhere_until_a_minute_after_the_time_to_pay(payment: Payment) -> None:
    late = sandbox.approve(payment, ("late",), now=NOW)
    assert report_of(late, NOW + 16 * MINUTE - SECOND) is None
    assert sandbox.due(late, now=NOW + 16 * MINUTE - SECOND) is None
    landed = report_of(late, NOW + 16 * MINUTE)
    assert landed is not None
    assert landed.received is not None
    assert landed.received.at == NOW + 16 * MINUTE
    assert sandbox.due(late, now=NOW + 16 * MINUTE) is not None
    already = sandbox.approve(payment, ("late",), now=NOW + 20 * MINUTE)
    assert already.decided_at == NOW + 20 * MINUTE


def test_wrong_amount_and_currency_are_what_the_guest_is_charged() -> None:
    wrong = sandbox.approve(OPEN, ("wrong_currency", "wrong_amount"), now=NOW)
    assert (wrong.amount_fen, wrong.currency) == (2760, "USD")
    report = report_of(wrong)
    assert report is not None
    assert report.received is not None
    assert (report.received.amount_fen, report.received.currency) == (2760, "USD")


@pytest.mark.parametrize(("fault", "refusals"), [("refund_refused_twice", 2), ("refund_refused", 50)])
def test_a_refund_is_refused_twice_or_for_ever(fault: sandbox.Fault, refusals: int) -> None:
    payment = sandbox.approve(OPEN, (fault,), now=NOW)
    for _ in range(refusals):
        payment = sandbox.refund(payment, amount_fen=2759, currency="CNY", now=NOW)
        assert payment.refunded_at is None
    payment = sandbox.refund(payment, amount_fen=2759, currency="CNY", now=NOW)
    assert (payment.refunded_at is not None) == (fault == "refund_refused_twice")


@pytest.mark.parametrize(("more", "state"), [((), "paid"), (("capture_refused",), "refused")])
def test_s12_answers_to_a_capture_are_lost_twice_and_then_say_what_was_done_at_first(
    more: tuple[sandbox.Fault, ...], state: str
) -> None:
    payment = sandbox.approve(CARD, ("capture_times_out", *more), now=NOW)
    once, _ = captured(payment)
    assert bool(once.taken_at) == (state == "paid"), "the bank has done it, only its answer is lost"
    assert [notice.at - once.taken_at for notice in once.notices if once.taken_at and notice.outcome == "paid"] == (
        [10 * SECOND] if state == "paid" else []
    ), "and so is its notice for a while"
    after, lost = captured(payment, times=4)
    assert (lost, after.state(NOW)) == ([True, True, False, False], state)
    assert after.taken_at == once.taken_at
    refused, lost = captured(sandbox.approve(CARD, ("capture_refused",), now=NOW))
    assert (lost, refused.state(NOW)) == ([False], "refused")


def test_faults_of_a_capture_are_not_for_payments_that_have_none() -> None:
    for fault in sandbox.FAULTS:
        assert sandbox.approve(CARD, (fault,), now=NOW).faults == (fault,)
        if fault in OPEN.playable:
            assert sandbox.approve(OPEN, (fault,), now=NOW).faults == (fault,)
        else:
            with pytest.raises(FaultNotPlayable):
                sandbox.approve(OPEN, (fault,), now=NOW)
    assert set(sandbox.FAULTS) - set(OPEN.playable) == {"capture_times_out", "capture_refused"}


def test_the_record_is_as_it_was_in_another_process_and_one_id_is_one_payment(tmp_path: Path) -> None:
    file = tmp_path / "sandbox" / "payments.sqlite"
    provider = Sandbox(Records(file), lambda: NOW, key=KEY, notice_url="http://127.0.0.1:1")
    assert provider.start(CARD) == provider.start(replace(CARD, opened_at=NOW + MINUTE)) == CARD
    for other in (replace(CARD, amount_fen=1), replace(CARD, currency="USD"), OPEN, replace(CARD, order_id="ord")):
        with pytest.raises(PaymentDiffers):
            provider.start(other)
    # As after a `kill -9`: nobody has closed the file.
    approved = sandbox.approve(CARD, ("wrong_amount", "slow"), now=NOW)
    Records(file).update(approved)
    again = Records(file)
    assert again.payment(PAYMENT) == approved
    assert provider.start(CARD) == approved
    assert again.notifying(NOW + 9 * SECOND, limit=9) == []
    assert again.notifying(NOW + 10 * SECOND, limit=9) == [approved]
    assert again.page(after="", limit=9) == [approved]
    assert again.page(after=PAYMENT, limit=9) == []


def test_s9_a_signature_holds_for_its_body_its_key_and_five_minutes() -> None:
    fields = {"payment_id": PAYMENT, "outcome": "declined", "amount_fen": 1, "currency": "CNY", "reference": "r"}
    body = json.dumps({**fields, "decided_at": NOW.isoformat()}).encode()

    def take(key: str, signed: bytes, header: str | None, now=NOW) -> object:
        headers = {} if header is None else {SIGNATURE_HEADER: header}
        return adapter.Sandbox("http://127.0.0.1:1", key, lambda: now).notice(signed, headers)

    signature = sign(KEY, body, now=NOW)
    assert take(KEY, body, signature) == take(KEY, body, signature, NOW + 5 * MINUTE)
    moment, digest = signature.split(",")
    wrong = [
        (KEY, body + b" ", signature, NOW),
        ("other", body, signature, NOW),
        (KEY, body, f"t={int(NOW.timestamp()) + 1},{digest}", NOW),
        (KEY, body, f"{moment},v1={'0' * 64}", NOW),
        (KEY, body, signature, NOW + 5 * MINUTE + timedelta(seconds=1)),
        (KEY, body, signature, NOW - 6 * MINUTE),
        (KEY, body, None, NOW),
        (KEY, body, "", NOW),
        (KEY, body, f"{signature}é", NOW),
        (KEY, b"{}", sign(KEY, b"{}", now=NOW), NOW),
    ]
    for case in wrong:
        with pytest.raises(NoticeForged):
            take(*case)
