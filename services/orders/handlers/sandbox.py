"""The adapter to the sandbox, a payment provider without money: its addresses, its words, its signatures."""

from __future__ import annotations

import contextlib
import hmac
import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import httpx
import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.orders.domain.order.order import Order, Payment, Received
from services.orders.domain.order.payments import NoticeForged, ProviderRefused, ProviderSilent, Report
from services.orders.handlers.provider import Notice
from shared.contracts.event import Currency, Fen, PaymentId
from shared.sentence import Sentence

Method = Literal["sandbox", "sandbox_card"]
METHODS: dict[str, str] = {
    "sandbox": Sentence("Sandbox Pay (demo)"),
    "sandbox_card": Sentence("Sandbox Card (demo)"),
}
PAYMENTS = "/v1/sandbox/payments"
TIMEOUT = httpx.Timeout(5, connect=2)
SIGNATURE_HEADER = "Sandbox-Signature"
# An older notice may be one that somebody has kept and sends again.
NOTICE_AGE_MAX = timedelta(minutes=5)
_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")

log = structlog.get_logger()


class _Payment(BaseModel):
    """A payment as the sandbox shows it, as far as orders reads it."""

    model_config = ConfigDict(frozen=True)

    state: Literal["open", "authorised", "paid", "declined", "lapsed", "refused", "voided", "refunded"]
    amount_fen: Fen
    currency: Currency
    reference: str
    refund_reference: str
    url: str
    decided_at: AwareDatetime | None
    taken_at: AwareDatetime | None

    def received(self) -> Received:
        at = self.taken_at or self.decided_at
        assert at is not None, "money that is authorised or captured was decided on"
        return Received(self.amount_fen, self.currency, self.reference, at)

    def report(self) -> Report | None:
        match self.state:
            case "open":
                return None
            case "paid" | "refunded":
                return Report("paid", self.received(), self.refund_reference)
            case "authorised":
                return Report("authorised", self.received())
            case "declined":
                return Report("declined")
            case _:
                # Of what was refused or let go nothing will come any more.
                return Report("lapsed")


class SandboxNotice(BaseModel):
    """What the sandbox reports of one payment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payment_id: Annotated[PaymentId, Field(description="the payment")]
    outcome: Annotated[Literal["authorised", "paid", "declined"], Field(description="what became of it")]
    amount_fen: Annotated[Fen, Field(description="what the buyer's bank gives, in minor units")]
    currency: Currency
    reference: Annotated[str, Field(description="finds it at the provider")]
    decided_at: Annotated[AwareDatetime, Field(description="when the buyer decided")]


def read_payment(body: bytes) -> _Payment:
    """Return the payment that the sandbox shows. Raises ValidationError."""
    return _Payment.model_validate_json(body)


class Sandbox:
    """The port, over HTTP."""

    def __init__(self, url: str, key: str, clock: Callable[[], datetime]) -> None:
        self.methods: Mapping[str, str] = METHODS
        self._url = url
        self._key = key
        self._clock = clock
        self._http: httpx.AsyncClient | None = None

    async def start(self, order: Order, payment: Payment) -> str:
        """Open a payment of the order's total and return the sandbox's page for it."""
        assert order.total_fen is not None
        started = await self._send(
            "POST",
            PAYMENTS,
            {
                "payment_id": payment.payment_id,
                "order_id": order.order_id,
                "names": dict(order.listing.names),
                "grams": order.grams,
                "amount_fen": order.total_fen,
                "currency": order.listing.currency,
                # As with real providers, money of a card is first authorised.
                "mode": "authorise" if payment.provider == "sandbox_card" else "direct",
                "pay_by": order.due.isoformat() if order.due else None,
                "return_url": f"/orders/{order.order_id}",
            },
        )
        return started.url

    async def capture(self, payment: Payment) -> Report:
        """Capture what is authorised."""
        captured = await self._send("POST", f"{PAYMENTS}/{payment.payment_id}/capture")
        return Report("paid", captured.received()) if captured.taken_at else Report("refused")

    async def void(self, payment: Payment) -> Report:
        """Void the authorisation. Raises ProviderRefused when the money was captured."""
        await self._send("POST", f"{PAYMENTS}/{payment.payment_id}/void")
        return Report("voided")

    async def refund(self, payment: Payment) -> str:
        """Give the money back and return the reference. Raises ProviderRefused when the sandbox refuses."""
        assert payment.received is not None
        received = {"amount_fen": payment.received.amount_fen, "currency": payment.received.currency}
        return (await self._send("POST", f"{PAYMENTS}/{payment.payment_id}/refund", received)).refund_reference

    async def look_up(self, payment_id: str) -> Report | None:
        """Return what became of a payment; one that was never opened will never be paid."""
        answer = await self._request("GET", f"{PAYMENTS}/{payment_id}")
        return Report("lapsed") if answer.status_code == httpx.codes.NOT_FOUND else self._read(answer).report()

    def notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """Return what a notice reports. Raises NoticeForged unless the sandbox has signed it in the last minutes."""
        self._check_signature(body, headers.get(SIGNATURE_HEADER, ""))
        try:
            notice = SandboxNotice.model_validate_json(body)
        except ValidationError as wrong:
            raise NoticeForged(f"The notice is none: {wrong.error_count()} of its fields are wrong.") from None
        received = Received(notice.amount_fen, notice.currency, notice.reference, notice.decided_at)
        return Notice(notice.payment_id, Report(notice.outcome, None if notice.outcome == "declined" else received))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep connections until the context ends."""
        headers = {"Authorization": f"Bearer {self._key}"}
        async with httpx.AsyncClient(base_url=self._url, headers=headers, timeout=TIMEOUT) as self._http:
            yield

    async def health(self) -> str | None:
        """Nothing waits for the sandbox: without it orders are made, held and ended as ever."""
        return None

    async def _send(self, method: str, path: str, body: object = None) -> _Payment:
        return self._read(await self._request(method, path, body))

    async def _request(self, method: str, path: str, body: object = None) -> httpx.Response:
        assert self._http is not None, "the adapter is running"
        try:
            return await self._http.request(method, path, json=body)
        except httpx.HTTPError as away:
            raise ProviderSilent(f"The payment provider does not answer: {type(away).__name__}.") from None

    def _read(self, answer: httpx.Response) -> _Payment:
        """Return the payment that was answered. Raises ProviderRefused for a clear no, else ProviderSilent."""
        if answer.status_code in {httpx.codes.CONFLICT, httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}:
            raise ProviderRefused(f"The payment provider refuses: {answer.text[:200]}")
        try:
            return read_payment(answer.raise_for_status().content)
        except (httpx.HTTPError, ValidationError) as wrong:
            log.warning("provider answers otherwise than agreed", status=answer.status_code, failure=repr(wrong)[:200])
            raise ProviderSilent(f"The payment provider answers with {answer.status_code}.") from None

    def _check_signature(self, body: bytes, signature: str) -> None:
        match = _SIGNATURE.fullmatch(signature)
        if match is None:
            raise NoticeForged(f"Send {SIGNATURE_HEADER}: t=<seconds>,v1=<HMAC-SHA-256 of `t.body`, hexadecimal>.")
        moment, digest = match.groups()
        if not hmac.compare_digest(digest, self._digest(moment, body)):
            raise NoticeForged("The signature does not belong to this body.")
        if abs(self._clock() - datetime.fromtimestamp(int(moment), UTC)) > NOTICE_AGE_MAX:
            raise NoticeForged("The notice was signed too long ago. Sign it anew when it is sent again.")

    def _digest(self, moment: str, body: bytes) -> str:
        return hmac.digest(self._key.encode(), moment.encode() + b"." + body, "sha256").hex()
