"""No input makes ranking fail: what it cannot take it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deploy.issuer import LocalIssuer
from services.ranking.app import create_app
from shared.web.auth import CAPABILITY_HEADER
from tests.component.edge_values import calls, failures, of_addresses
from tests.component.town import Town, new_id, rows
from tests.conftest import client_of, until

BOARD = ("measure", "window", "scene", "city", "after")
PAGES: dict[str, tuple[str, ...]] = {"/boards/{}": BOARD, "/boards/wall": ("scene",), "/boards": BOARD}
HEADERS = ("Cookie", CAPABILITY_HEADER, "Accept-Language", "Authorization", "Idempotency-Key")


async def test_every_edge_value_in_every_parameter_and_field_is_taken_or_refused(
    settings: Callable[..., Any], town: Town, issuer: tuple[LocalIssuer, str, str]
) -> None:
    guest, scene = new_id("ben"), await town.scene()
    await town.name(guest, "Heron")
    await town.certify(guest, scene)
    app = create_app(settings("ranking"))
    async with client_of(app) as client:
        await until(lambda: rows(client, city=town.city))
        shown = {
            "Authorization": f"Bearer {issuer[0].token('operator', 'ranking:rebuild')}",
            "Idempotency-Key": "one rebuild",
            CAPABILITY_HEADER: "t",
        }
        good = {"board": "people", "rebuild": "7"}
        assert await failures(client, calls(app.openapi(), good, shown, {})) == []
        assert await failures(client, of_addresses(PAGES, shown)) == []
        for name in HEADERS:
            for value in ("", "x" * 100_000, "\xff\xfe", "q=;,,*;q=NaN", "ben_=;;=;\x01", f"{guest}=\xff\xed\xa0\x80"):
                for address in ("/boards/people", "/v1/boards/people/my-rank", "/v1/boards/people/around-me"):
                    answer = await client.get(address, headers={name: value.encode("latin-1")})
                    assert answer.status_code < 500, (name, value[:30], address)
