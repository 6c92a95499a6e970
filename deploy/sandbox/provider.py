"""What the sandbox does at the request of merchant and guest, and how it notifies the merchant."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime

import httpx
import structlog

from deploy.sandbox import payments
from deploy.sandbox.notices import SIGNATURE_HEADER, body_of, sign
from deploy.sandbox.payments import Fault, Payment, RefundRefused
from deploy.sandbox.records import Records
from shared.refusal import Refusal
from shared.web.periodic import Periodic

NOTICES_AT_ONCE_MAX = 100
NOTICE_TIMEOUT_SECONDS = 5
NOTICE_SECONDS = 1.0

log = structlog.get_logger()


class PaymentUnknown(Refusal):
    """The sandbox has no such payment (404)."""

    code = "payment_unknown"


class PaymentDiffers(Refusal):
    """There is another payment under this id (409)."""

    code = "payment_differs"


class AnswerLost(Refusal):
    """It was done, or refused for good, and the answer is lost on its way: that fault is played (504)."""

    code = "answer_lost"


class Sandbox:
    """The provider: between reading a record and writing it nothing else happens, for nothing is awaited there."""

    def __init__(self, records: Records, clock: Callable[[], datetime], *, key: str, notice_url: str) -> None:
        self._records = records
        self._clock = clock
        self._key = key
        self._notice_url = notice_url
        self._http: httpx.AsyncClient | None = None

    def start(self, wanted: Payment) -> Payment:
        """Open a payment, once for each id. Raises PaymentDiffers when there is another one under it."""
        there = self._records.payment(wanted.payment_id)
        if there is None:
            self._records.insert(wanted)
            return wanted
        # A fault may have changed what a decided payment charges, which does not make it another one.
        terms = (
            ("order_id", "grams", "mode") if there.decided else ("order_id", "grams", "mode", "amount_fen", "currency")
        )
        if any(getattr(there, name) != getattr(wanted, name) for name in terms):
            raise PaymentDiffers("Another payment was started under this id. Take a new id.", field="payment_id")
        return there

    def payment(self, payment_id: str) -> Payment:
        """Return a payment. Raises PaymentUnknown."""
        found = self._records.payment(payment_id)
        if found is None:
            raise PaymentUnknown(f"The sandbox has no payment {payment_id}.")
        return found

    def page(self, *, after: str, limit: int) -> list[Payment]:
        """Return payments by id, after one."""
        return self._records.page(after=after, limit=limit)

    def capture(self, payment_id: str) -> Payment:
        """Take what is set aside. Raises PaymentUnknown, NotPossible or, to play that, AnswerLost."""
        after = self._change(payment_id, lambda mine: payments.capture(mine, now=self._clock()))
        if payments.answer_is_lost(after):
            raise AnswerLost("The sandbox plays that its answer is lost.")
        return after

    def void(self, payment_id: str) -> Payment:
        """Let go what is set aside. Raises PaymentUnknown or NotPossible."""
        return self._change(payment_id, lambda mine: payments.void(mine, now=self._clock()))

    def refund(self, payment_id: str, *, amount_fen: int, currency: str) -> Payment:
        """Give the money back. Raises PaymentUnknown, NotPossible or, to play that, RefundRefused."""
        after = self._change(
            payment_id,
            lambda mine: payments.refund(mine, amount_fen=amount_fen, currency=currency, now=self._clock()),
        )
        if after.refunded_at is None:
            raise RefundRefused("The sandbox plays that it refuses this refund.")
        return after

    async def approve(self, payment_id: str, faults: Iterable[Fault] = ()) -> Payment:
        """Let the guest pay, play the faults, and send the notice.

        Raises PaymentUnknown, PaymentDecided or FaultNotPlayable.
        """
        await self._notify(self._change(payment_id, lambda mine: payments.approve(mine, faults, now=self._clock())))
        return self.payment(payment_id)

    async def decline(self, payment_id: str) -> Payment:
        """Let the guest not pay, and send the notice. Raises PaymentUnknown or PaymentDecided."""
        await self._notify(self._change(payment_id, lambda mine: payments.decline(mine, now=self._clock())))
        return self.payment(payment_id)

    async def deliver(self) -> None:
        """Send the notices whose time has come."""
        await asyncio.gather(*map(self._notify, self._records.notifying(self._clock(), limit=NOTICES_AT_ONCE_MAX)))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send notices, each until it is taken, until the context ends."""
        async with (
            httpx.AsyncClient(timeout=NOTICE_TIMEOUT_SECONDS) as self._http,
            Periodic("notices", self.deliver, seconds=NOTICE_SECONDS).running(),
        ):
            yield
        self._records.close()

    async def _notify(self, payment: Payment) -> None:
        """Send the next notice if it is time, and note whether it was taken."""
        assert self._http is not None, "the sandbox is running"
        notice = payments.due(payment, now=self._clock())
        if notice is None:
            return
        body = body_of(payment, notice)
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(self._key, body, now=self._clock())}
        taken = False
        try:
            answer = await self._http.post(self._notice_url, content=body, headers=headers)
        except httpx.HTTPError as away:
            log.warning("notice not delivered", payment_id=payment.payment_id, failure=repr(away)[:200])
        else:
            taken = answer.is_success
            if not taken:
                log.warning("notice not taken", payment_id=payment.payment_id, status=answer.status_code)
        self._change(
            payment.payment_id,
            lambda mine: payments.delivered(mine, notice.outcome, taken=taken, now=self._clock()),
        )

    def _change(self, payment_id: str, act: Callable[[Payment], Payment]) -> Payment:
        """Do something to a payment, and return it as it is then. Raises PaymentUnknown."""
        mine = self.payment(payment_id)
        after = act(mine)
        if after != mine:
            self._records.update(after)
        return after
