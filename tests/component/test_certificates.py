"""Certificates on real Kafka and MongoDB protocol: each issued once, from any order and number of messages."""

from __future__ import annotations

import itertools
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deploy.issuer import LocalIssuer
from services.certificates import stream
from services.certificates.api.sheet import Sheets
from services.certificates.app import Settings, create_app
from services.certificates.domain.certificate import Certificate
from services.certificates.domain.decide import AllocationsDiffer, Copies
from services.certificates.domain.decide import Issuer as IssuerOfCertificates
from services.certificates.handlers import Handlers
from services.certificates.pages.print import Printer
from services.certificates.store import Loaded, Store
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Envelope, Event
from shared.messaging.failures import LostRace
from shared.messaging.outbox import clock
from shared.web.app import database
from shared.web.auth import CAPABILITY_HEADER
from tests.conftest import Infra, client_of, consumed, until
from tests.unit.certificates.story import GRAMS, TOKEN, Story, new_id

Publish = Callable[..., Awaitable[None]]
Issuer = tuple[LocalIssuer, str, str]
ISSUER = IssuerOfCertificates(names={"en": "Exchange (demo)"}, secret="secret")


def settings(infra: Infra, issuer: Issuer, **more: Any) -> Settings:
    given = {
        "kafka_bootstrap_servers": infra.kafka,
        "mongodb_url": infra.mongodb_url(f"certificates_{secrets.token_hex(4)}"),
        "secret": "secret of certificates".ljust(32, "."),
        # The same in all modules: a static member comes back to its partitions without a wait.
        "replica": "certificates-test",
        "issuer": issuer[1],
        "jwks_url": issuer[2],
    }
    return Settings(**{**given, **more})


@pytest_asyncio.fixture(scope="module")
async def certificates(infra: Infra, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings(infra, issuer))) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def store(infra: Infra, issuer: Issuer) -> AsyncIterator[Store]:
    """A store without messaging, to hand over messages one by one in an order that Kafka would not promise."""
    opened = database(settings(infra, issuer))
    store = Store(opened, livemode=False, wake=lambda: None)
    await store.prepare()
    yield store
    opened.client.close()


def handlers_of(store: Store) -> Handlers:
    return Handlers(store, clock, ISSUER, unknown_codes_max=1, forget_prints=nothing)


async def nothing() -> None:
    """Stand where no prints are kept."""


@pytest.fixture
def handlers(store: Store) -> Handlers:
    return handlers_of(store)


async def hand_over(handlers: Handlers, *messages: Envelope[Any]) -> None:
    """Hand over messages one after another, each as often as another writer was first."""
    table = stream.consumes(handlers)
    for message in messages:
        while True:
            try:
                await table[type(message.data)]([message])
            except LostRace:
                continue
            break


async def way_to(certificates: httpx.AsyncClient, story: Story) -> dict[str, Any]:
    """Wait until the order has its certificate and return what leads its owner there."""

    async def there() -> Any:
        address = f"/v1/order-certificates/{story.order_id}"
        answer = await certificates.get(address, headers={CAPABILITY_HEADER: TOKEN})
        return answer.status_code == 200 and answer.json()["status"] != "awaiting" and answer.json()

    return dict(await until(there))


async def stated(certificates: httpx.AsyncClient, code: str) -> dict[str, Any]:
    answer = await certificates.get(f"/v1/certificates/{code}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def published_about(infra: Infra, stories: Sequence[Story]) -> list[Event]:
    """Return the events about the certificates of these orders, of each in its order.

    A relay that is stopped between publishing and marking publishes again: by its id that is the same event.
    """
    ids = {story.certificate_id for story in stories}
    published = {
        event.id: event
        for event in await consumed(infra, CertificateIssued, CertificateRevoked)
        if event.subject in ids
    }
    return [event.data for event in sorted(published.values(), key=lambda event: (event.subject, event.sequence))]


async def test_s18_doubled_and_shuffled_messages_issue_each_certificate_once(
    certificates: httpx.AsyncClient, infra: Infra, publish: Publish
) -> None:
    stories = [Story() for _ in range(20)]
    messages = [message for story in stories for message in story.whole() * 2]
    random.Random(1).shuffle(messages)
    await publish(*messages)
    ways = [await way_to(certificates, story) for story in stories]

    async def all_published() -> bool:
        return len(await published_about(infra, stories)) >= len(stories)

    await until(all_published)
    published = await published_about(infra, stories)
    assert sorted(event.order_id for event in published if isinstance(event, CertificateIssued)) == sorted(
        story.order_id for story in stories
    )
    by_order = {event.order_id: event for event in published if isinstance(event, CertificateIssued)}
    for story, way in zip(stories, ways, strict=True):
        event, facts = by_order[story.order_id], await stated(certificates, way["code"])
        assert (event.number, event.grams, event.beneficiary_id) == (way["number"], GRAMS, story.beneficiary_id)
        assert (event.scene_id, event.project_id, event.footprint_ids) == (
            story.scene_id,
            story.project_id,
            (story.footprint_id,),
        )
        assert (facts["number"], facts["mass_g"], facts["holder"]) == (way["number"], GRAMS, "Lin Yue (demo)")


async def test_any_order_of_messages_makes_the_same_certificate(store: Store, handlers: Handlers) -> None:
    made, project_id = [], new_id("prj")
    for seed in range(30):
        story = Story(project_id=project_id)
        messages = story.whole() * 2
        random.Random(seed).shuffle(messages)
        await hand_over(handlers, *messages)
        loaded = (await store.certificates([story.certificate_id]))[story.certificate_id]
        assert loaded.document["event_sequence"] == 1
        assert loaded.certificate.facts is not None
        (version,) = loaded.certificate.versions
        frozen = loaded.certificate.facts.model_dump(exclude={"number", "issued_at", "scene"})
        made.append((version.holder, frozen, loaded.certificate.facts.scene is not None))
    assert all(certificate == made[0] for certificate in made)
    assert made[0][0] == "Lin Yue (demo)"


class Interrupted(Store):
    """The store, in which another writer does its whole work at one point of a handler's, once."""

    def __init__(self, store: Store, point: str, other: Callable[[], Awaitable[None]]) -> None:
        self.__dict__.update(store.__dict__)
        self._point, self._other = point, [other]

    async def certificates(self, certificate_ids: Iterable[str]) -> dict[str, Loaded]:
        found = await super().certificates(certificate_ids)
        await self._reached("loaded")
        return found

    async def copies_for(self, certificates: Mapping[str, Certificate]) -> dict[str, Copies]:
        found = await super().copies_for(certificates)
        await self._reached("read the copies")
        return found

    async def _reached(self, point: str) -> None:
        if point == self._point:
            await self.interrupt()

    async def interrupt(self) -> None:
        """Let the other one work, if it has not."""
        if self._other:
            await self._other.pop()()


async def interleaved(store: Store, message: Envelope[Any], *, by: Envelope[Any], at: str) -> None:
    """Hand over one message, and another one to another replica while the first is at that point, or right after."""
    interrupted = Interrupted(store, at, lambda: hand_over(handlers_of(store), by))
    await hand_over(handlers_of(interrupted), message)
    await interrupted.interrupt()


@pytest.mark.parametrize("at", ["loaded", "read the copies"])
async def test_two_replicas_at_once_leave_no_certificate_waiting(store: Store, handlers: Handlers, at: str) -> None:
    stories = []
    for first, second in itertools.permutations(range(5), 2):
        story = Story()
        whole = story.whole()
        await hand_over(handlers, *(message for index, message in enumerate(whole) if index not in (first, second)))
        await interleaved(store, whole[first], by=whole[second], at=at)
        stories.append(story)
    loaded = await store.certificates([story.certificate_id for story in stories])
    assert [(found.document["event_sequence"], len(found.certificate.versions)) for found in loaded.values()] == [
        (1, 1)
    ] * 20


@pytest.mark.parametrize("at", ["loaded", "read the copies"])
async def test_s27_a_name_that_changes_during_the_issue_is_corrected_or_taken_out(
    store: Store, handlers: Handlers, at: str
) -> None:
    ends = []
    for last in range(5):
        for erased in (False, True):
            story = Story()
            messages = story.whole()
            message = messages.pop(last)
            correction = story.named("Second", sequence=2, corrects=(story.order_id,))
            await hand_over(handlers, *messages)
            change = story.erased(sequence=2) if erased else correction
            # Of one key nothing comes before what was published before.
            if message.data.topic == change.data.topic:
                await hand_over(handlers, message)
                message = story.purchased()
            await interleaved(store, message, by=change, at=at)
            loaded = (await store.certificates([story.certificate_id]))[story.certificate_id]
            ends.append([version.holder for version in loaded.certificate.versions])
    assert ends == [["Lin Yue (demo)", "Second"], [None]] * 5


async def test_a_copy_keeps_the_latest_version(store: Store, handlers: Handlers) -> None:
    story = Story()
    await hand_over(handlers, story.listed(sequence=3, name="Third"), story.listed(sequence=2, name="Second"))
    await hand_over(handlers, story.published(), story.named(), story.purchased(), story.retired())
    certificate = (await store.certificates([story.certificate_id]))[story.certificate_id].certificate
    assert certificate.facts is not None
    assert certificate.facts.project.names["en"] == "Third"


async def test_s27_an_old_name_beside_an_erasure_brings_nothing_back(store: Store, handlers: Handlers) -> None:
    story = Story()
    await hand_over(handlers, *story.whole())
    await handlers.beneficiaries_named([story.named(), story.erased(sequence=3), story.named("Old", sequence=2)])
    await hand_over(handlers, story.named("Late", sequence=4, corrects=(story.order_id,)))
    certificate = (await store.certificates([story.certificate_id]))[story.certificate_id].certificate
    assert [version.holder for version in certificate.versions] == [None]


async def test_s27_an_erasure_drops_the_prints_that_are_in_memory(store: Store) -> None:
    sheets = Sheets(Printer(), public_url="https://diandian.example", livemode=False)
    handlers = Handlers(store, clock, ISSUER, unknown_codes_max=1, forget_prints=sheets.forget)
    story = Story()
    await hand_over(handlers, *story.whole())
    opened = await handlers.of_order(story.order_id)
    assert opened is not None
    for printed in (sheets.pdf, sheets.png):
        assert await printed(opened, "en")
    assert sheets.kept == 2
    await hand_over(handlers, story.named("Second", sequence=2, corrects=(story.order_id,)))
    assert sheets.kept == 2
    await hand_over(handlers, story.erased(sequence=3))
    assert sheets.kept == 0


async def test_s27_an_erasure_takes_a_name_out_whatever_sequence_that_has(store: Store, handlers: Handlers) -> None:
    story = Story()
    await hand_over(handlers, *story.whole(), story.named("Hostile", sequence=2**53 - 1, corrects=(story.order_id,)))
    await hand_over(handlers, story.erased(sequence=3))
    certificate = (await store.certificates([story.certificate_id]))[story.certificate_id].certificate
    assert {version.holder for version in certificate.versions} == {None}


async def test_of_two_orders_only_the_wrong_one_is_refused(store: Store, handlers: Handlers) -> None:
    good, wrong = Story(), Story()
    await hand_over(handlers, *good.whole()[:-1], *wrong.whole()[:-1])
    with pytest.raises(AllocationsDiffer):
        await hand_over(handlers, wrong.retired(grams=GRAMS + 1))
    await hand_over(handlers, good.retired())
    loaded = await store.certificates([good.certificate_id, wrong.certificate_id])
    assert [bool(loaded[story.certificate_id].certificate.facts) for story in (good, wrong)] == [True, False]
