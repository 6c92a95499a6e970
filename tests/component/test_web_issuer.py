"""The issuer of staff tokens may be away: a real one over HTTP, which is stopped, changes its key, and comes back."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.calculator.app import Settings, create_app
from shared.web.idempotency import id_of
from shared.web.issuer import (
    FRESH_SECONDS,
    REFRESH_SECONDS_MIN,
    RETRY_SECONDS,
    InvalidToken,
    Issuer,
    IssuerUnavailable,
)
from tests.component.test_calculator import SCENE
from tests.conftest import client_of


class Site:
    """An issuer's site: its keys at an address that stays, whether it runs or not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.requests, self._port = folder, 0, 0
        self.issuer = LocalIssuer(folder, issuer="http://issuer.test")
        self._server: http.server.ThreadingHTTPServer | None = None
        self.begin()
        self.jwks_url = f"http://127.0.0.1:{self._port}/jwks.json"

    def begin(self) -> None:
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Count instead."""
                site.requests += 1

        handler = functools.partial(Handler, directory=str(self.folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def end(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def new_key(self, folder: Path) -> LocalIssuer:
        """Sign with another key from now on."""
        new = LocalIssuer(folder, issuer="http://issuer.test")
        (self.folder / "jwks.json").write_text((folder / "jwks.json").read_text())
        return new


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "issuer")
    yield made
    made.end()


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def checked_by(site: Site) -> tuple[Issuer, Clock]:
    clock = Clock()
    return Issuer("http://issuer.test", site.jwks_url, clock=clock), clock


async def test_kept_keys_outlive_the_issuer_and_a_new_key_is_found_when_it_is_back(site: Site, tmp_path: Path) -> None:
    keys, clock = checked_by(site)
    token = site.issuer.token("lin", "scenes:write")
    assert (await keys.claims(token))["sub"] == "lin"
    site.end()
    for seconds in (FRESH_SECONDS + 1, 24 * 3600):
        clock.now += seconds
        assert (await keys.claims(token))["sub"] == "lin"
    new = site.new_key(tmp_path / "new").token("wei")
    with pytest.raises(InvalidToken):
        await keys.claims(new)
    site.begin()
    clock.now += REFRESH_SECONDS_MIN + 1
    assert (await keys.claims(new))["sub"] == "wei"


async def test_unknown_key_ids_are_requested_once_a_minute(site: Site, tmp_path: Path) -> None:
    keys, clock = checked_by(site)
    await keys.claims(site.issuer.token("lin"))
    stranger = LocalIssuer(tmp_path / "stranger", issuer="http://issuer.test").token("eve")
    for _ in range(5):
        for _ in range(20):
            with pytest.raises(InvalidToken):
                await keys.claims(stranger)
        clock.now += REFRESH_SECONDS_MIN + 1
    # The first fetch, and one a minute.
    assert site.requests == 6


async def test_an_issuer_that_is_away_is_tried_once_a_minute_and_nobody_waits_for_it(site: Site) -> None:
    keys, clock = checked_by(site)
    token = site.issuer.token("lin")
    await keys.claims(token)
    (site.folder / "jwks.json").write_text("<html>maintenance</html>")
    clock.now += FRESH_SECONDS + 1
    for _ in range(20):
        await keys.claims(token)
    assert site.requests == 2


async def test_without_any_keys_it_is_unavailable_and_not_the_token_s_fault(site: Site) -> None:
    keys, clock = checked_by(site)
    site.end()
    token = site.issuer.token("lin")
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await keys.claims(token)
    site.begin()
    clock.now += RETRY_SECONDS
    assert (await keys.claims(token))["sub"] == "lin"


async def test_staff_work_on_while_the_issuer_is_away_and_read_503_where_there_never_were_keys(
    site: Site, settings: Callable[..., Settings]
) -> None:
    mine = settings("calculator", kind=Settings, issuer="http://issuer.test", jwks_url=site.jwks_url)
    headers = {"Authorization": f"Bearer {site.issuer.token('organiser', 'scenes:write')}"}
    path = f"/v1/scenes/{id_of('scn', 'away')}"
    async with client_of(create_app(mine)) as client:
        assert (await client.put(path, json={**SCENE, "code": "AWAY"}, headers=headers)).status_code == 200
        site.end()
        assert (await client.put(path, json={**SCENE, "code": "AWAY"}, headers=headers)).status_code == 200
    async with client_of(create_app(mine)) as client:
        refused = await client.put(path, json={**SCENE, "code": "AWAY"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (503, "issuer_unavailable")
    assert int(refused.headers["Retry-After"]) == RETRY_SECONDS
