"""The sandbox: a payment provider without money, where the guest approves or declines, and which sends notices."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

import httpx
import structlog

from services.orders.domain import notice, sandbox
from services.orders.domain.notice import SIGNATURE_HEADER, sign
from services.orders.domain.order import Order, Payment
from services.orders.domain.payments import PaymentUnknown, ProviderRefused, ProviderSilent, Said
from services.orders.domain.sandbox import SandboxPayment
from services.orders.handlers.races import each_if_first
from services.orders.store.sandbox import SandboxRecords
from shared.messaging.retries import retry_lost_race
from shared.sentence import Sentence
from shared.web.periodic import Periodic

NOTICES_PER_TURN_MAX = 100
NOTICE_TIMEOUT_SECONDS = 5
TURN_SECONDS = 1.0
METHODS = {"sandbox": Sentence("Sandbox Pay (demo)"), "sandbox_card": Sentence("Sandbox Card (demo)")}
Answer = TypeVar("Answer")

log = structlog.get_logger()


class Sandbox:
    """The provider and the adapter to it in one; from the orders' side only the port is used."""

    def __init__(self, records: SandboxRecords, clock: Callable[[], datetime], *, secret: str, notice_url: str) -> None:
        self.methods: Mapping[str, str] = METHODS
        self._records = records
        self._clock = clock
        self._notice_url = notice_url
        self._key = hmac.digest(secret.encode(), b"sandbox notices", "sha256")
        self._http: httpx.AsyncClient | None = None

    async def start(self, order: Order, payment: Payment) -> str:
        """Open a payment of the order's total and return the sandbox's page for it."""
        assert order.total_fen is not None
        assert order.grams is not None
        await self._records.open(
            SandboxPayment(
                payment_id=payment.payment_id,
                order_id=order.order_id,
                names=order.listing.names,
                grams=order.grams,
                amount_fen=order.total_fen,
                currency=order.listing.currency,
                opened_at=self._clock(),
                # As with real providers, money of a card is first set aside.
                mode="authorise" if payment.provider == "sandbox_card" else "direct",
                pay_by=order.due,
            )
        )
        return f"/sandbox/payments/{payment.payment_id}"

    async def capture(self, payment: Payment) -> Said:
        """Take what is set aside. Raises ProviderSilent when that fault is played."""
        _, said = await self._change(payment.payment_id, lambda mine: sandbox.capture(mine, now=self._clock()))
        if said is None:
            raise ProviderSilent("The sandbox plays that its answer is lost.")
        return said

    async def void(self, payment: Payment) -> Said:
        """Let go what is set aside. Raises ProviderRefused when it was taken."""
        await self._change(payment.payment_id, lambda mine: (sandbox.void(mine, now=self._clock()), None))
        return Said("voided")

    async def refund(self, payment: Payment) -> str:
        """Give the money back and return the reference. Raises ProviderRefused when none came, or to play that."""
        assert payment.received is not None
        amount_fen, currency = payment.received.amount_fen, payment.received.currency

        def give(mine: SandboxPayment) -> tuple[SandboxPayment, None]:
            return sandbox.give_back(mine, amount_fen=amount_fen, currency=currency, now=self._clock()), None

        after, _ = await self._change(payment.payment_id, give)
        if after.refunded_at is None:
            raise ProviderRefused("The sandbox plays that it refuses this refund.")
        return sandbox.refund_reference(after)

    async def look_up(self, payment_id: str) -> Said | None:
        """Return what became of a payment; one that was never opened will never be paid."""
        mine = await self._records.payment(payment_id)
        return sandbox.said(mine, now=self._clock()) if mine else Said("lapsed")

    async def payment(self, payment_id: str) -> SandboxPayment:
        """Return the record of a payment. Raises PaymentUnknown."""
        mine = await self._records.payment(payment_id)
        if mine is None:
            raise PaymentUnknown(Sentence("The sandbox has no payment {payment}.", payment=payment_id))
        return mine

    async def approve(self, payment_id: str, faults: Iterable[sandbox.Fault] = ()) -> SandboxPayment:
        """Let the guest pay, play the faults, and send the notice.

        Raises PaymentUnknown, PaymentDecided or FaultNotPlayable.
        """
        return await self._decide(payment_id, lambda mine: sandbox.approve(mine, faults, now=self._clock()))

    async def decline(self, payment_id: str) -> SandboxPayment:
        """Let the guest not pay, and send the notice. Raises PaymentUnknown or PaymentDecided."""
        return await self._decide(payment_id, lambda mine: sandbox.decline(mine, now=self._clock()))

    def check_signature(self, body: bytes, signature: str | None) -> None:
        """Raise NoticeForged unless the sandbox has signed the body just now."""
        notice.check_signature(self._key, body, signature, now=self._clock())

    async def deliver(self) -> None:
        """Send the notices whose time has come, each until it is taken."""
        waiting = await self._records.telling(self._clock(), limit=NOTICES_PER_TURN_MAX)
        await each_if_first(self._notify(payment) for payment in waiting)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send notices until the context ends."""
        async with (
            httpx.AsyncClient(timeout=NOTICE_TIMEOUT_SECONDS) as self._http,
            Periodic("notices", self.deliver, seconds=TURN_SECONDS).running(),
        ):
            yield

    async def health(self) -> str | None:
        """Nothing waits for the sandbox."""
        return None

    async def _decide(self, payment_id: str, decide: Callable[[SandboxPayment], SandboxPayment]) -> SandboxPayment:
        after, _ = await self._change(payment_id, lambda mine: (decide(mine), None))
        await each_if_first([self._notify(after)])
        return await self.payment(payment_id)

    async def _notify(self, payment: SandboxPayment) -> None:
        """Send the next notice if it is time, and note whether it was taken."""
        assert self._http is not None, "the sandbox is running"
        telling = sandbox.due(payment, now=self._clock())
        if telling is None:
            return
        body = sandbox.notice(payment, telling).model_dump_json().encode()
        signature = sign(self._key, body, now=self._clock())
        taken = False
        try:
            answer = await self._http.post(
                self._notice_url,
                content=body,
                headers={"Content-Type": "application/json", SIGNATURE_HEADER: signature},
            )
        except httpx.HTTPError as away:
            log.warning("notice not delivered", payment_id=payment.payment_id, failure=repr(away)[:200])
        else:
            taken = answer.is_success
            if not taken:
                log.warning("notice not taken", payment_id=payment.payment_id, status=answer.status_code)
        # The merchant may have asked for something while it took the notice, so the record is read again.
        await self._change(
            payment.payment_id, lambda mine: (sandbox.told(mine, telling.of, taken=taken, now=self._clock()), None)
        )

    async def _change(
        self, payment_id: str, act: Callable[[SandboxPayment], tuple[SandboxPayment, Answer]]
    ) -> tuple[SandboxPayment, Answer]:
        """Do something to a record; return it as it is then, and the answer. Raises PaymentUnknown."""

        async def write() -> tuple[SandboxPayment, Answer]:
            mine = await self.payment(payment_id)
            after, answer = act(mine)
            if after != mine:
                await self._records.change(mine, after)
            return after, answer

        return await retry_lost_race(write)
