"""How a request becomes an order: whom its key is bound to, and the ids and capabilities of what it makes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from services.orders.api.dependencies import Dependencies
from services.orders.api.responses import OrderMade
from services.orders.domain.beneficiary.beneficiary import Beneficiary, Naming
from services.orders.domain.order.order import Offered, Wish
from services.orders.handlers.orders import Keyed
from shared.web.app import cause_of
from shared.web.auth import Forbidden, hash_of, presented, token_of
from shared.web.idempotency import body_hash, checked, id_of

GUEST = "guest"


@dataclass(frozen=True)
class Minted:
    """The ids and hashes that follow from a keyed request, and the capabilities that only its caller is shown."""

    keyed: Keyed
    capability: str
    profile_capability: str


async def profile_of(request: Request, deps: Dependencies, named: str | None) -> Beneficiary | None:
    """Return the profile whose capability is shown: the one named, else the first that the browser holds.

    A browser may still hold one that was erased; it is passed over, unless it is named. Raises Forbidden when the
    capability of the one named is missing or does not fit.
    """
    held = [named] if named else [name for name in request.cookies if name.startswith("ben_")]
    for beneficiary_id in held:
        token, loaded = presented(request, beneficiary_id), await deps.store.beneficiary(beneficiary_id)
        if token is None or loaded is None or (loaded.value.erased and not named):
            continue
        if secrets.compare_digest(loaded.value.profile_hash, hash_of("ben", beneficiary_id, token)):
            return loaded.value
    if named:
        raise Forbidden(f"The capability of {named} is missing or does not fit. Send it, or order without a profile.")
    return None


def offered(claims: Sequence[tuple[str, str]]) -> tuple[Offered, ...]:
    """Return footprints with the hashes of the tokens shown for them."""
    return tuple(Offered(footprint_id, hash_of("fp", footprint_id, token)) for footprint_id, token in claims)


async def make_order(
    request: Request,
    deps: Dependencies,
    *,
    key: str | None,
    body: dict[str, Any],
    wish: Wish,
    naming: Naming | None,
    profile: Beneficiary | None,
    mandate_version: str,
) -> tuple[OrderMade, bool]:
    """Make the order that is wanted, and return it as made, and whether it was there already."""
    caller = await _caller(deps, wish, profile, checked(key))
    mint = minted(deps, caller, key, body)
    made = await deps.handlers.make(
        wish,
        naming,
        mandate_version=mandate_version,
        profile_id=profile.beneficiary_id if profile else None,
        keyed=mint.keyed,
        cause=cause_of(request),
    )
    is_new_profile = made.order.buyer.beneficiary_id == mint.keyed.beneficiary_id
    shown_order = OrderMade.made(
        made.order,
        livemode=deps.settings.livemode,
        capability=mint.capability,
        profile_capability=mint.profile_capability if is_new_profile else None,
    )
    return shown_order, made.replayed


def minted(
    deps: Dependencies, caller: str, key: str | None, body: dict[str, Any], *, beneficiary_id: str | None = None
) -> Minted:
    """Return what follows from a caller's key for an order and its beneficiary, unless that is given.

    Raises KeyMissing.
    """
    key = checked(key)
    order_id, beneficiary_id = id_of("ord", caller, key), beneficiary_id or id_of("ben", caller, key)
    capability = token_of(deps.secret, "ord", order_id, key)
    profile_capability = token_of(deps.secret, "ben", beneficiary_id, key)
    keyed = Keyed(
        order_id=order_id,
        capability_hash=hash_of("ord", order_id, capability),
        beneficiary_id=beneficiary_id,
        profile_hash=hash_of("ben", beneficiary_id, profile_capability),
        # With the key in it, which nothing stores, nobody can find out a name by trying names.
        request_hash=body_hash({"key": key, "body": body}),
    )
    return Minted(keyed, capability, profile_capability)


async def _caller(deps: Dependencies, wish: Wish, profile: Beneficiary | None, key: str) -> str:
    """Return whom the key is bound to: the first footprint's capability, else the profile's, else a guest.

    A guest whose first order made the profile may repeat that order with the profile in hand: it is still a guest's.
    """
    if wish.offered and (token_hash := wish.offered[0].token_hash):
        return token_hash
    if profile is None or await deps.store.order_hash(id_of("ord", GUEST, key)):
        return GUEST
    return profile.profile_hash
