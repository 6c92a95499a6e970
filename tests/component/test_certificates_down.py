"""S19: certificates is away while retirements go on, and makes up for all of it when it comes back."""

from __future__ import annotations

from services.certificates.app import create_app
from shared.contracts import CertificateIssued
from tests.component.test_certificates import Issuer, Publish, said_of, settings, way_to
from tests.conftest import Infra, served, until
from tests.unit.certificates.story import Story


async def test_s19_after_an_absence_every_certificate_comes_once(
    infra: Infra, issuer: Issuer, publish: Publish
) -> None:
    told = settings(infra, issuer)
    before, during = [Story() for _ in range(5)], [Story() for _ in range(20)]
    async with served(create_app(told)) as certificates:
        await publish(*(message for story in before for message in story.whole()))
        for story in before:
            await way_to(certificates, story)
    await publish(*(message for story in [*before, *during] for message in story.whole()))
    async with served(create_app(told)) as certificates:
        for story in during:
            await way_to(certificates, story)

        async def all_said() -> bool:
            return len(await said_of(infra, [*before, *during])) >= len(before) + len(during)

        await until(all_said)
    said = await said_of(infra, [*before, *during])
    orders = [event.order_id for event in said if isinstance(event, CertificateIssued)]
    assert sorted(orders) == sorted(story.order_id for story in [*before, *during])
