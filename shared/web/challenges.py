"""How a 401 or 403 says what to show: WWW-Authenticate, by the access of the route (RFC 6750, RFC 9110)."""

from __future__ import annotations

from shared.web.auth import CAPABILITY_HEADER, Access, Scope, Signature

REALM = "diandian"
CAPABILITY_SCHEME = "Diandian-Capability"
SIGNATURE_SCHEME = "Diandian-Signature"


def challenge(access: Access | None, status: int, code: str, *, token_came: bool) -> str | None:
    """Return the challenge of an answer with 401 or 403; none when showing something else would not help."""
    if status == 403:
        if not isinstance(access, Scope) or code != "insufficient_scope":
            return None
        return f'Bearer realm="{REALM}", error="insufficient_scope", scope="{access.name}"'
    if access is None:
        return f'Bearer realm="{REALM}"'
    if isinstance(access, Scope):
        # Who has sent nothing is told no more than what to send.
        error = ', error="invalid_token"' if token_came else ""
        return f'Bearer realm="{REALM}", scope="{access.name}"{error}'
    if isinstance(access, Signature):
        return f'{SIGNATURE_SCHEME} realm="{REALM}", header="{access.header}"'
    # A route that is open to all may still need the capability of what its body or query names.
    return f'{CAPABILITY_SCHEME} realm="{REALM}", header="{CAPABILITY_HEADER}"'
