"""The sandbox: a payment provider without money, where the guest approves or declines, and which sends notices."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import httpx
import structlog

from services.orders import domain
from services.orders.domain import sandbox
from services.orders.handlers.races import each_if_first, persistently
from services.orders.store import SandboxRecords
from shared.web.periodic import Periodic

NOTICES_PER_TURN_MAX = 100
NOTICE_TIMEOUT_SECONDS = 5
RETRY_SECONDS = 1.0

log = structlog.get_logger()


class Sandbox:
    """The provider and the adapter to it in one; from the orders' side only the port is used."""

    name = "sandbox"
    title = "Sandbox Pay (demo)"

    def __init__(self, records: SandboxRecords, clock: Callable[[], datetime], *, secret: str, notice_url: str) -> None:
        self._records = records
        self._clock = clock
        self._notice_url = notice_url
        self._key = hmac.digest(secret.encode(), b"sandbox notices", "sha256")
        self._http: httpx.AsyncClient | None = None

    async def start(self, order: domain.Order, payment: domain.Payment) -> str:
        """Open a payment of the order's total and return the sandbox's page for it."""
        assert order.total_fen is not None
        assert order.grams is not None
        await self._records.open(
            domain.SandboxPayment(
                payment_id=payment.payment_id,
                order_id=order.order_id,
                names=order.listing.names,
                grams=order.grams,
                amount_fen=order.total_fen,
                currency=order.listing.currency,
                opened_at=self._clock(),
            )
        )
        return f"/sandbox/payments/{payment.payment_id}"

    async def refund(self, payment: domain.Payment) -> str:
        """Give the money back and return the reference. Raises ProviderRefused when none came."""
        assert payment.received is not None
        received = payment.received

        async def give() -> str:
            mine = await self._records.payment(payment.payment_id)
            if mine is None:
                raise domain.ProviderRefused("The sandbox has no such payment.")
            after = sandbox.give_back(
                mine, amount_fen=received.amount_fen, currency=received.currency, now=self._clock()
            )
            await self._records.change(mine, after)
            return f"refund-{mine.reference}"

        return await persistently(give)

    async def look_up(self, payment_id: str) -> domain.Said | None:
        """Return what became of a payment; one that was never opened will never be paid."""
        mine = await self._records.payment(payment_id)
        return sandbox.said(mine, now=self._clock()) if mine else domain.Said("lapsed")

    async def payment(self, payment_id: str) -> domain.SandboxPayment:
        """Return the record of a payment. Raises PaymentUnknown."""
        mine = await self._records.payment(payment_id)
        if mine is None:
            raise domain.PaymentUnknown(f"The sandbox has no payment {payment_id}.")
        return mine

    async def decide(self, payment_id: str, decided: sandbox.Decided) -> domain.SandboxPayment:
        """Approve or decline as the guest wishes, and send the notice. Raises PaymentUnknown or PaymentDecided."""

        async def write() -> domain.SandboxPayment:
            mine = await self.payment(payment_id)
            after = sandbox.decide(mine, decided, now=self._clock())
            await self._records.change(mine, after)
            return after

        after = await persistently(write)
        if not after.notified:
            await each_if_first([self._notify(after)])
        return after

    def check_signature(self, body: bytes, signature: str | None) -> None:
        """Raise NoticeForged unless the sandbox has signed the body just now."""
        domain.check_signature(self._key, body, signature, now=self._clock())

    async def deliver(self) -> None:
        """Send the notices that were not taken yet, each until it is."""
        waiting = await self._records.unnotified(limit=NOTICES_PER_TURN_MAX)
        await each_if_first(self._notify(payment) for payment in waiting)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send notices until the context ends."""
        async with (
            httpx.AsyncClient(timeout=NOTICE_TIMEOUT_SECONDS) as self._http,
            Periodic("notices", self.deliver, seconds=RETRY_SECONDS).running(),
        ):
            yield

    async def fares(self) -> str | None:
        """Nothing waits for the sandbox."""
        return None

    async def _notify(self, payment: domain.SandboxPayment) -> None:
        assert self._http is not None, "the sandbox is running"
        body = sandbox.notice(payment).model_dump_json().encode()
        signature = domain.sign(self._key, body, now=self._clock())
        try:
            answer = await self._http.post(
                self._notice_url,
                content=body,
                headers={"Content-Type": "application/json", domain.SIGNATURE_HEADER: signature},
            )
        except httpx.HTTPError as away:
            log.warning("notice not delivered", payment_id=payment.payment_id, failure=repr(away)[:200])
            return
        if answer.is_success:
            await self._records.change(payment, sandbox.notified(payment))
        else:
            log.warning("notice not taken", payment_id=payment.payment_id, status=answer.status_code)
