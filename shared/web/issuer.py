"""The OpenID issuer whose tokens staff and machines show; its keys are kept, so it may be away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from shared.refusal import Refusal

ALGORITHMS = ["ES256", "RS256", "EdDSA"]
# After this time the keys are fetched again; an issuer that does not answer then is tried once a minute.
FRESH_SECONDS = 300
REFRESH_SECONDS_MIN = 60
# Without any keys no request of staff can be answered, so the issuer is tried more often.
RETRY_SECONDS = 2
TIMEOUT_SECONDS = 3

log = structlog.get_logger()


class InvalidToken(Exception):
    """A bearer token is not valid; the message says why."""


class IssuerUnavailable(Refusal):
    """The keys of the issuer were never had (503)."""

    code = "issuer_unavailable"


class Issuer:
    """Checks tokens against the issuer's keys, which are fetched when first needed."""

    def __init__(self, issuer: str, jwks_url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer, self._jwks_url, self._clock = issuer, jwks_url, clock
        self._keys: KeySet | None = None
        self._fetched_at = self._requested_at = self._unknown_requested_at = -float("inf")
        self._requesting = asyncio.Lock()

    async def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a valid token. Raises InvalidToken, or IssuerUnavailable when there never were keys."""
        try:
            decoded = await self._decoded(token)
            jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self._issuer}, exp={"essential": True}, sub={"essential": True}
            ).validate(decoded.claims)
        except (JoseError, ValueError) as wrong:
            raise InvalidToken(f"The bearer token is not valid: {wrong}. Get a new one from {self._issuer}.") from None
        return dict(decoded.claims)

    async def _decoded(self, token: str) -> jwt.Token:
        keys = await self._current_keys()
        try:
            return jwt.decode(token, keys, algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            # The issuer may have made a key since. Anybody can name one, so not each is looked for.
            if (now := self._clock()) - self._unknown_requested_at < REFRESH_SECONDS_MIN:
                raise
            self._unknown_requested_at = now
            return jwt.decode(token, await self._fetched(), algorithms=ALGORITHMS)

    async def _current_keys(self) -> KeySet:
        now, keys = self._clock(), self._keys
        if keys is None:
            if now - self._requested_at < RETRY_SECONDS and not self._requesting.locked():
                raise self._unavailable()
            return await self._fetched()
        is_old = now - self._fetched_at > FRESH_SECONDS
        # While one request fetches them, no other waits for it.
        if is_old and now - self._requested_at > REFRESH_SECONDS_MIN and not self._requesting.locked():
            return await self._fetched()
        return keys

    async def _fetched(self) -> KeySet:
        """Fetch the keys and return them; those that were there before when the issuer does not answer."""
        before = self._requested_at
        async with self._requesting:
            # Whoever waited for another's request takes its outcome.
            if self._requested_at == before:
                self._requested_at = self._clock()
                await self._refresh()
        if self._keys is None:
            raise self._unavailable()
        return self._keys

    async def _refresh(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
                answer = await client.get(self._jwks_url)
                answer.raise_for_status()
            keys = KeySet.import_key_set(answer.json())
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as failure:
            log.warning("issuer unavailable", url=self._jwks_url, cached=self._keys is not None, failure=repr(failure))
            return
        # One that has no keys just now is as good as away.
        if keys:
            self._keys, self._fetched_at = keys, self._clock()

    def _unavailable(self) -> IssuerUnavailable:
        return IssuerUnavailable(
            f"The keys of {self._issuer} cannot be had, so no token can be checked. Send the same request again later.",
            retry_after_seconds=RETRY_SECONDS,
        )
