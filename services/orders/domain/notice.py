"""A payment provider's notice as it travels: its body, and a signature over the body and the moment it was sent."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.orders.domain.order import Received
from services.orders.domain.payments import Said
from shared.contracts.event import Currency, Fen, PaymentId
from shared.refusal import Refusal

SIGNATURE_HEADER = "Diandian-Signature"
# An older notice may be one that somebody has kept and sends again.
NOTICE_AGE_MAX = timedelta(minutes=5)
_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


class NoticeForged(Refusal):
    """The notice is not signed by the provider, or was signed too long ago (401)."""

    code = "notice_forged"


class Notice(BaseModel):
    """What a provider tells of one payment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payment_id: PaymentId
    outcome: Literal["authorised", "paid", "declined"]
    amount_fen: Fen
    currency: Currency
    reference: str
    decided_at: AwareDatetime

    @property
    def said(self) -> Said:
        """What it says to the order."""
        received = Received(self.amount_fen, self.currency, self.reference, self.decided_at)
        return Said(self.outcome, None if self.outcome == "declined" else received)


def sign(key: bytes, body: bytes, *, now: datetime) -> str:
    """Return the signature header of a body that is sent now."""
    moment = str(int(now.timestamp()))
    return f"t={moment},v1={_digest(key, moment, body)}"


def check_signature(key: bytes, body: bytes, signature: str | None, *, now: datetime) -> None:
    """Raise NoticeForged unless the body was signed with the key, less than five minutes from now."""
    match = _SIGNATURE.fullmatch(signature or "")
    if match is None:
        raise NoticeForged(f"Send {SIGNATURE_HEADER}: t=<seconds>,v1=<HMAC-SHA-256 of `t.body`, hexadecimal>.")
    moment, digest = match.groups()
    if not hmac.compare_digest(digest, _digest(key, moment, body)):
        raise NoticeForged("The signature does not belong to this body.")
    if abs(now - datetime.fromtimestamp(int(moment), UTC)) > NOTICE_AGE_MAX:
        raise NoticeForged("The notice was signed too long ago. Sign it anew when it is sent again.")


def _digest(key: bytes, moment: str, body: bytes) -> str:
    return hmac.digest(key, moment.encode() + b"." + body, "sha256").hex()
