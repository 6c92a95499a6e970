"""No route of certificates answers 500 for what is requested of it."""

from __future__ import annotations

import pytest

from services.certificates.api import ACCESS
from services.certificates.app import create_app
from shared.web.auth import CAPABILITY_HEADER
from tests.component.edges import Sound, faults
from tests.component.test_certificates import Issuer, Publish, settings, way_to
from tests.component.test_certificates_answers import revoke, staff
from tests.conftest import Infra, client_of
from tests.unit.certificates.story import TOKEN, Story


def sound_requests(code: str, story: Story) -> dict[str, Sound]:
    """Return a sound request for each route, about a certificate that there is."""
    certificate, order = {"code": code}, {"order_id": story.order_id}
    shown = {CAPABILITY_HEADER: TOKEN}
    return {
        "GET /v1/verifications/{code}": Sound(path=certificate),
        "GET /v1/certificates/{code}": Sound(path=certificate),
        "GET /v1/order-certificates/{order_id}": Sound(path=order, headers=shown),
        "GET /v": Sound(query={"code": code, "lang": "en"}),
        "GET /c/{code}": Sound(path=certificate, query={"lang": "en"}),
        "GET /C/{code}": Sound(path=certificate),
        "GET /c/{code}.pdf": Sound(path=certificate, query={"lang": "en"}),
        "GET /c/{code}.png": Sound(path=certificate),
        "GET /c/orders/{order_id}": Sound(path=order, headers=shown),
        # Nothing is the same afterwards.
        "POST /v1/certificates/{certificate_id}/revoke": Sound(
            path={"certificate_id": story.certificate_id}, json={"reason": "issued_in_error"}
        ),
    }


def test_every_route_is_requested_here() -> None:
    assert set(sound_requests("", Story())) == set(ACCESS)


async def test_no_edge_of_a_field_makes_a_500(infra: Infra, issuer: Issuer, publish: Publish) -> None:
    story = Story()
    await publish(*story.whole())
    async with client_of(create_app(settings(infra, issuer, unknown_codes_per_address_max=10**6))) as client:
        code = (await way_to(client, story))["code"]
        client.headers.update(staff(issuer, "certificates:revoke"))
        client.headers["X-Document"] = "/v1/certificates/openapi.json"
        requests = sound_requests(code, story)
        assert [fault for line, sound in requests.items() for fault in await faults(client, line, sound)] == []


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
