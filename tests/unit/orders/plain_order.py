"""A plain model of an order, and the world around it that answers each of its questions once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.orders.domain.order.order import Payment, Received
from services.orders.domain.order.payments import Report

TOTAL = 2759
QUARTER = timedelta(minutes=15)
FINAL = {"refused", "expired", "cancelled", "completed", "refunded"}
BOUGHT = {"purchased", "retired", "completed", "refunding", "refunded"}


@dataclass
class PlainOrder:
    """The order by section 2 of domain.md, in texts and integers. Each method returns what its step publishes."""

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

    What the order published waits in `unread` for the registry; `words` and `notices` may come any number of times.
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

    def report(self, name: str, outcome: Any, at: datetime) -> Report:
        """Send a notice, which may arrive any number of times, or never."""
        money, has_money = self.accounts[name]["money"], outcome in {"authorised", "paid"}
        report = Report(outcome, Received(money[0], money[1], f"ref {name}", at) if has_money else None)
        self.notices.append((name, report))
        return report

    def decide(self, name: str, word: str, money: tuple[int, str], at: datetime) -> None:
        account = self.accounts[name]
        account["state"] = word
        if word == "yes":
            account["money"] = money
            account["state"] = "taken" if account["mode"] == "direct" else "authorised"
        self.report(name, {"taken": "paid"}.get(account["state"], account["state"]), at)

    def capture(self, name: str, agrees: bool, at: datetime) -> Report:
        account = self.accounts[name]
        if account["state"] == "authorised":
            account["state"] = "taken" if agrees else "refused"
        return self.report(name, "paid" if account["state"] == "taken" else "refused", at)

    def void(self, name: str, at: datetime) -> Report:
        account = self.accounts[name]
        if account["state"] == "authorised":
            account["state"] = "voided"
        return self.report(name, "voided" if account["state"] == "voided" else "paid", at)

    def give_back(self, name: str) -> None:
        """Refund in full, once."""
        account = self.accounts[name]
        assert account["state"] == "taken"
        account["returned"] = account["money"][0]


def _looked_up(world: World, payment: Payment, now: datetime) -> Report:
    name, account = payment.payment_id, world.accounts[payment.payment_id]
    if payment.state == "capturing":
        return world.capture(name, agrees=True, at=now)
    if payment.state == "voiding":
        return world.void(name, now)
    state = {"open": "lapsed", "taken": "paid"}.get(account["state"], account["state"])
    return world.report(name, state, now)
