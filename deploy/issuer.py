"""The local issuer of bearer tokens for demo and tests: one key in a folder, its public half as a JWKS beside it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

LIFE_SECONDS = 3600


class LocalIssuer:
    """Signs tokens with the key in `folder`, which it makes at first use; `jwks.json` there is for everybody."""

    def __init__(self, folder: Path, *, issuer: str) -> None:
        self._folder, self._issuer = folder, issuer
        self._key = self._load()

    def token(self, subject: str, *scopes: str, **claims: str) -> str:
        """Return a bearer token for an hour."""
        now = int(time.time())
        header = {"alg": "ES256", "kid": self._key.kid}
        content = {
            "iss": self._issuer,
            "sub": subject,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "scope": " ".join(scopes),
            **claims,
        }
        return jwt.encode(header, content, self._key)

    def _load(self) -> ECKey:
        path = self._folder / "key.json"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            key = ECKey.generate_key("P-256", auto_kid=True)
            partial = path.with_suffix(".partial")
            partial.touch(mode=0o600)
            partial.write_text(json.dumps(key.as_dict(private=True)))
            # Under its name only when it is whole: nothing makes a key anew.
            partial.rename(path)
        key = ECKey.import_key(json.loads(path.read_text()))
        (self._folder / "jwks.json").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
        return key
