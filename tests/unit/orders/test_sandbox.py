"""The sandbox's record and its signed notices."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.orders import domain
from services.orders.domain import sandbox
from tests.unit.orders.examples import MINUTE, NOW, ORDER, PAYMENT

KEY = b"k" * 32
OPEN = domain.SandboxPayment(PAYMENT, ORDER, {"en": "Linpan groves (demo)"}, 533_014, 2759, "CNY", NOW)


def test_a_guest_decides_once() -> None:
    paid = sandbox.decide(OPEN, "paid", now=NOW)
    assert sandbox.decide(paid, "paid", now=NOW + MINUTE) == paid
    with pytest.raises(domain.PaymentDecided):
        sandbox.decide(paid, "declined", now=NOW)


def test_an_old_payment_has_lapsed_and_cannot_be_approved() -> None:
    assert sandbox.said(OPEN, now=NOW + 59 * MINUTE) is None
    assert sandbox.said(OPEN, now=NOW + 60 * MINUTE) == domain.Said("lapsed")
    with pytest.raises(domain.PaymentDecided):
        sandbox.decide(OPEN, "paid", now=NOW + 60 * MINUTE)


def test_asking_and_being_told_say_the_same() -> None:
    paid = sandbox.decide(OPEN, "paid", now=NOW)
    assert sandbox.said(paid, now=NOW) == sandbox.notice(paid).said
    declined = sandbox.decide(OPEN, "declined", now=NOW)
    assert sandbox.said(declined, now=NOW) == sandbox.notice(declined).said == domain.Said("declined")


def test_money_is_given_back_once_in_full_and_only_if_it_came() -> None:
    paid = sandbox.decide(OPEN, "paid", now=NOW)
    back = sandbox.give_back(paid, amount_fen=2759, currency="CNY", now=NOW)
    assert back.refunded_at == NOW
    assert sandbox.give_back(back, amount_fen=2759, currency="CNY", now=NOW + MINUTE) == back
    for payment, amount_fen, currency in [(OPEN, 2759, "CNY"), (paid, 2758, "CNY"), (paid, 2759, "USD")]:
        with pytest.raises(domain.ProviderRefused):
            sandbox.give_back(payment, amount_fen=amount_fen, currency=currency, now=NOW)


def test_s9_a_signature_holds_for_its_body_its_key_and_five_minutes() -> None:
    body = b'{"payment_id":"pay_1"}'
    signature = domain.sign(KEY, body, now=NOW)
    domain.check_signature(KEY, body, signature, now=NOW)
    domain.check_signature(KEY, body, signature, now=NOW + 5 * MINUTE)
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
        with pytest.raises(domain.NoticeForged):
            domain.check_signature(key, signed, header, now=now)
