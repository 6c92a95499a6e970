"""A notice as it travels: its body, and a signature over the body and the moment it is sent.

The header reads `Sandbox-Signature: t=<seconds>,v1=<hexadecimal>`; v1 is the HMAC-SHA-256 of `<seconds>.<body>` under
the key that sandbox and merchant share.
"""

from __future__ import annotations

import hmac
import json
from datetime import datetime

from deploy.sandbox.payments import Notice, Payment

SIGNATURE_HEADER = "Sandbox-Signature"


def body_of(payment: Payment, notice: Notice) -> bytes:
    """Return what is sent to the merchant."""
    at = payment.taken_at if notice.outcome == "paid" else payment.decided_at
    assert at is not None
    body = {
        "payment_id": payment.payment_id,
        "outcome": notice.outcome,
        "amount_fen": payment.amount_fen,
        "currency": payment.currency,
        "reference": payment.reference,
        "decided_at": at.isoformat(),
    }
    return json.dumps(body).encode()


def sign(key: str, body: bytes, *, now: datetime) -> str:
    """Return the signature header of a body that is sent now."""
    moment = str(int(now.timestamp()))
    return f"t={moment},v1={hmac.digest(key.encode(), moment.encode() + b'.' + body, 'sha256').hex()}"
