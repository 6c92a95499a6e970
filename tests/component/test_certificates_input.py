"""No input makes certificates fail: what it cannot take it refuses."""

from __future__ import annotations

import pytest

from services.certificates.app import create_app
from shared.web.auth import CAPABILITY_HEADER
from tests.component.edge_values import calls, failures, of_addresses
from tests.component.test_certificates import Issuer, Publish, settings, way_to
from tests.component.test_certificates_answers import revoke, staff
from tests.conftest import Infra, client_of
from tests.unit.certificates.story import TOKEN, Story

PAGES: dict[str, tuple[str, ...]] = {
    "/v": ("code", "lang"),
    "/c/{}": ("lang",),
    "/C/{}": (),
    "/c/{}.pdf": ("lang",),
    "/c/{}.png": (),
    "/c/orders/{}": ("t",),
}
HEADERS = ("If-None-Match", "Accept-Language", "Cookie", "Authorization", CAPABILITY_HEADER, "traceparent")


async def test_every_edge_value_in_every_parameter_and_field_is_taken_or_refused(
    infra: Infra, issuer: Issuer, publish: Publish
) -> None:
    story = Story()
    await publish(*story.whole())
    app = create_app(settings(infra, issuer, unknown_codes_per_address_max=10**6))
    async with client_of(app) as client:
        code = (await way_to(client, story))["code"]
        good = {"code": code, "order_id": story.order_id, "certificate_id": story.certificate_id}
        shown = {**staff(issuer, "certificates:revoke"), CAPABILITY_HEADER: TOKEN}
        bodies = {"revoke_certificate": {"reason": "issued_in_error"}}
        assert await failures(client, calls(app.openapi(), good, shown, bodies)) == []
        assert await failures(client, of_addresses(PAGES, shown)) == []
        for name in HEADERS:
            for value in ("", "x" * 100_000, "\xff\xfe", "q=;,,*;q=NaN", '"\\"', "ben_=;;=;\x01", "Bearer a.b.c"):
                address = f"/c/{code}" if name != "If-None-Match" else f"/c/{code}.png"
                answer = await client.get(address, headers={name: value.encode("latin-1")})
                assert answer.status_code < 500, (name, value[:30])


@pytest.mark.parametrize("reason", ["issued_in_error", "credits_reversed"])
async def test_a_revocation_that_is_repeated_gets_its_first_answer(
    infra: Infra, issuer: Issuer, publish: Publish, reason: str
) -> None:
    story = Story()
    await publish(*story.whole())
    async with client_of(create_app(settings(infra, issuer))) as client:
        await way_to(client, story)
        answers = [await revoke(client, issuer, story, reason) for _ in range(3)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, answers[0].json())] * 3
