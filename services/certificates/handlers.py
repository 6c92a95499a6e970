"""What certificates does because of something: takes in events until nothing more follows, and revokes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from itertools import islice

from services.certificates.domain import decide
from services.certificates.domain.certificate import (
    Certificate,
    Opened,
    RevocationReason,
    events_of_change,
    opened_version,
)
from services.certificates.domain.decide import Issuer, PurchaseUnknown, revoked, settled
from services.certificates.domain.names import erases
from services.certificates.domain.numbers import certificate_id_of, read_code
from services.certificates.domain.throttle import too_many_codes, window_of_codes
from services.certificates.store import Store
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import Cause, Envelope, Event, EventT
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased
from shared.contracts.registry import CreditsRetired, ProjectListed
from shared.messaging.retries import retry_lost_race

CERTIFICATES_AT_ONCE = 500
NO_CODE = ""
# By certificate, the events that concern it.
Concerning = Mapping[str, Sequence[Envelope[Event]]]


class Handlers:
    """The acts of certificates."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        issuer: Issuer,
        *,
        unknown_codes_max: int,
        forget_prints: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._forget_prints = forget_prints
        self._clock = clock
        self._issuer = issuer
        self._unknown_codes_max = unknown_codes_max

    async def orders_settled(self, events: Sequence[Envelope[OffsetPurchased | CreditsRetired]]) -> None:
        """Take purchases and retirements into their certificates. Raises LostRace when another writer was first."""
        concerning: dict[str, list[Envelope[Event]]] = {}
        for event in events:
            concerning.setdefault(certificate_id_of(event.data.order_id), []).append(event)
        await self._settle(concerning)

    async def scenes_published(self, events: Sequence[Envelope[ScenePublished]]) -> None:
        """Copy scenes, then issue what waited for them."""
        await self._store.keep_scenes(events)
        latest = _latest(events)
        await self._settle_touched(await self._store.waiting_for_scenes(latest), latest)

    async def projects_listed(self, events: Sequence[Envelope[ProjectListed]]) -> None:
        """Copy projects, then issue what waited for them."""
        await self._store.keep_projects(events)
        latest = _latest(events)
        await self._settle_touched(await self._store.waiting_for_projects(latest), latest)

    async def beneficiaries_named(self, events: Sequence[Envelope[BeneficiaryNamed]]) -> None:
        """Keep names, then issue what waited for them, correct what they correct, or take them out everywhere."""
        await self._store.keep_names(events)
        latest = _latest(events)
        erased = [event.subject for event in events if erases(event.data)]
        corrected = {certificate_id_of(order_id): event.subject for event in events for order_id in event.data.corrects}
        waiting = await self._store.waiting_for_holders(latest)
        await self._settle_touched(corrected | waiting | await self._store.held_by(erased), latest)
        if erased:
            await self._forget_prints()

    async def opened(self, text: str, *, address: str | None) -> Opened | None:
        """Return what a code opens, however it was typed; whatever opens nothing costs the same read.

        Only such codes count against the network of the request, so many guests who check their certificates are never
        refused. Raises TooManyCodes when the network has tried too many of them.
        """
        now = self._clock()
        hour = window_of_codes(self._issuer.secret, address, now) if address else None
        if hour and await self._store.unknown_codes.count(hour) >= self._unknown_codes_max:
            raise too_many_codes(hour, now)
        code = read_code(text)
        found = opened_version(await self._store.with_code(code or NO_CODE), code)
        if hour and found is None:
            await self._store.unknown_codes.add(hour)
        return found

    async def of_order(self, order_id: str) -> Opened | None:
        """Return the newest version of an order's certificate; none while it awaits something."""
        return opened_version(await self._store.of_order(order_id))

    async def order_hash(self, order_id: str) -> str:
        """Return the hash of the order's capability. Raises PurchaseUnknown."""
        certificate = await self._store.of_order(order_id)
        if certificate is None or certificate.purchase is None:
            raise PurchaseUnknown(
                "No purchase of this order has come here. If it was paid this minute, try again in a moment."
            )
        return certificate.purchase.order_hash

    async def revoke(self, certificate_id: str, reason: RevocationReason, *, cause: Cause) -> Certificate:
        """Revoke a certificate, once. Raises the refusals of `domain.revoked`, or LostRace after five tries."""
        return await retry_lost_race(lambda: self._revoke(certificate_id, reason, cause))

    async def _revoke(self, certificate_id: str, reason: RevocationReason, cause: Cause) -> Certificate:
        now = self._clock()
        loaded = (await self._store.certificates([certificate_id])).get(certificate_id)
        before = loaded.certificate if loaded else None
        after = revoked(before, reason, now=now)
        if after != before:
            await self._store.record(loaded, after, events_of_change(before, after), now=now, cause=cause)
        return after

    async def _settle_touched(self, touched: Mapping[str, str], latest: Mapping[str, Envelope[Event]]) -> None:
        """Settle certificates, each because of the subject that touches it."""
        certificates = iter(touched.items())
        while some := list(islice(certificates, CERTIFICATES_AT_ONCE)):
            await self._settle({certificate_id: [latest[subject]] for certificate_id, subject in some})

    async def _settle(self, concerning: Concerning) -> None:
        """Load, decide, record, until nothing follows from these events.

        So what a certificate awaits or copies is read again after each write: a copy that was made in between could
        not find the certificate, and now the certificate finds the copy.
        """
        while concerning:
            now = self._clock()
            loaded = await self._store.certificates(concerning)
            before = {certificate_id: found.certificate for certificate_id, found in loaded.items()}
            taken = {
                certificate_id: certificate
                for certificate_id, events in concerning.items()
                if (certificate := _with_events(before.get(certificate_id), events))
            }
            copies = await self._store.copies_for(taken)
            after = {
                certificate_id: settled(certificate, copies[certificate_id], issuer=self._issuer, now=now)
                for certificate_id, certificate in taken.items()
            }
            changed = [
                certificate_id
                for certificate_id, certificate in after.items()
                if certificate != before.get(certificate_id)
            ]
            writes = [
                self._store.record(
                    loaded.get(certificate_id),
                    after[certificate_id],
                    events_of_change(before.get(certificate_id), after[certificate_id]),
                    now=now,
                    cause=concerning[certificate_id][-1].cause,
                )
                for certificate_id in changed
            ]
            for failure in await asyncio.gather(*writes, return_exceptions=True):
                if isinstance(failure, BaseException):
                    raise failure
            concerning = {certificate_id: concerning[certificate_id] for certificate_id in changed}


def _with_events(certificate: Certificate | None, events: Sequence[Envelope[Event]]) -> Certificate | None:
    return reduce(lambda so_far, event: decide.with_event(so_far, event.data), events, certificate)


def _latest(events: Sequence[Envelope[EventT]]) -> dict[str, Envelope[EventT]]:
    """Return the latest event of each subject, wherever it stands among these."""
    return {event.subject: event for event in sorted(events, key=lambda event: event.sequence)}
