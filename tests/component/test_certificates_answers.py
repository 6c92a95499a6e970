"""What certificates answers to people and programs: each state its own, and what nobody may see is gone."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from deploy.issuer import LocalIssuer
from services.certificates.app import create_app
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.web.auth import CAPABILITY_HEADER
from tests.component.test_certificates import Issuer, Publish, published_about, settings, stated, way_to
from tests.conftest import Infra, client_of, until
from tests.unit.certificates.story import TOKEN, Story

CHINESE = {"Accept-Language": "zh-CN"}
UNKNOWN = ("7K3M-9QXD-4TVB", "0000-0000-0000", "nothing", "7K3M-9QXD-4TVBB", "点点", "DD-2026-7K3M9QXD4T", "x" * 200)


@pytest_asyncio.fixture(scope="module")
async def certificates(infra: Infra, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings(infra, issuer))) as client:
        yield client


def staff(issuer: Issuer, *scopes: str) -> dict[str, str]:
    local: LocalIssuer = issuer[0]
    return {"Authorization": f"Bearer {local.token('auditor', *scopes)}"}


async def revoke(certificates: httpx.AsyncClient, issuer: Issuer, story: Story, reason: str) -> httpx.Response:
    return await certificates.post(
        f"/v1/certificates/{story.certificate_id}/revoke",
        json={"reason": reason},
        headers=staff(issuer, "certificates:revoke"),
    )


async def corrected(certificates: httpx.AsyncClient, publish: Publish, story: Story, name: str) -> tuple[str, str]:
    """Correct the name on an issued certificate and return the old code and the new one."""
    old = (await way_to(certificates, story))["code"]
    await publish(story.named(name, sequence=2, corrects=(story.order_id,)))

    async def replaced() -> Any:
        new = (await way_to(certificates, story))["code"]
        return new != old and new

    return old, await until(replaced)


def text_of_page(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def signs_of_pdf(pdf: bytes) -> str:
    """Return all signs of a PDF in reading order, without the spaces at which its lines may break."""
    done = subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True)
    return "".join(done.stdout.decode().split())


def _without(page: str, code: str) -> str:
    """Return a page without the places where it repeats the code: the box, and its own address."""
    for place in (f'value="{code}"', f"/c/{code}?", f"/c/{quote(code)}?"):
        page = page.replace(place, "")
    return page


async def test_s24_a_code_in_each_state_gets_its_own_honest_answer(
    certificates: httpx.AsyncClient, issuer: Issuer, publish: Publish
) -> None:
    stories = {state: Story() for state in ("valid", "superseded", "revoked", "affected_by_reversal")}
    await publish(*(message for story in stories.values() for message in story.whole()))
    codes = {state: (await way_to(certificates, story))["code"] for state, story in stories.items()}
    _, newer = await corrected(certificates, publish, stories["superseded"], "Lin Yue-Wang (demo)")
    await revoke(certificates, issuer, stories["revoked"], "issued_in_error")
    await revoke(certificates, issuer, stories["affected_by_reversal"], "credits_reversed")
    words = {
        "valid": "Carbon Neutral Certificate of Honor",
        "superseded": "A newer version replaces this certificate",
        "revoked": "It was issued in error.",
        "affected_by_reversal": "The credits behind it were reversed.",
    }
    for state, code in codes.items():
        verified = await certificates.get(f"/v1/verifications/{code}")
        page = await certificates.get(f"/c/{code}")
        assert (verified.json()["status"], page.status_code) == (state, 200)
        assert verified.headers["cache-control"] == page.headers["cache-control"] == "no-store"
        assert (await stated(certificates, code))["status"] == state
        assert [other for other, word in words.items() if word in text_of_page(page.text)] == [state]
        # Who the certificate was for is shown only while it counts.
        assert ("Lin Yue" in page.text) == (state == "valid")
    superseded = (await certificates.get(f"/v1/verifications/{codes['superseded']}")).json()
    assert superseded["superseded_by"]["code"] == newer
    assert f'href="/c/{newer}"' in (await certificates.get(f"/c/{codes['superseded']}")).text
    assert (await stated(certificates, newer))["holder"] == "Lin Yue-Wang (demo)"


async def test_k2_unknown_codes_all_look_alike(certificates: httpx.AsyncClient) -> None:
    answers, pages = [], []
    for code in UNKNOWN:
        answer, page = await certificates.get(f"/v1/verifications/{code}"), await certificates.get(f"/c/{code}")
        body = answer.json()
        del body["checked_at"]
        answers.append((answer.status_code, body))
        pages.append((page.status_code, _without(page.text, code)))
    assert all(answer == answers[0] for answer in answers)
    assert all(page == pages[0] for page in pages)
    assert (answers[0][0], answers[0][1]["status"]) == (200, "unknown")
    assert (pages[0][0], "We know no certificate with this code" in pages[0][1]) == (404, True)
    for address in ("/v1/certificates/7K3M-9QXD-4TVB", "/c/7K3M-9QXD-4TVB.pdf", "/c/7K3M-9QXD-4TVB.png"):
        assert (await certificates.get(address)).status_code == 404


async def test_a_code_is_found_however_it_is_typed(certificates: httpx.AsyncClient, publish: Publish) -> None:
    story = Story()
    await publish(*story.whole())
    code = (await way_to(certificates, story))["code"]
    typed = code.lower().replace("-", "").replace("0", "o").replace("1", "l")
    found = await certificates.get("/v", params={"code": typed})
    empty, wrong = await certificates.get("/v"), await certificates.get("/v", params={"code": "<b>"})
    assert (found.status_code, found.headers["location"]) == (303, f"/c/{code}")
    assert (await certificates.get(f"/C/{typed.upper()}")).status_code == 200
    assert (empty.status_code, "Check a certificate" in empty.text) == (200, True)
    assert (wrong.status_code, "&lt;b&gt;" in wrong.text) == (404, True)


async def test_a_sheet_is_the_same_bytes_each_time_and_is_not_sent_twice(
    certificates: httpx.AsyncClient, infra: Infra, issuer: Issuer, publish: Publish
) -> None:
    story = Story()
    await publish(*story.whole())
    code = (await way_to(certificates, story))["code"]
    old, new = await corrected(certificates, publish, story, "Lin Yue-Wang (demo)")
    first, chinese = await certificates.get(f"/c/{old}.pdf"), await certificates.get(f"/c/{old}.pdf", headers=CHINESE)
    again = await certificates.get(f"/c/{old}.pdf")
    had = f'"another", W/{first.headers["etag"]}'
    cached = await certificates.get(f"/c/{old}.pdf", headers={"If-None-Match": had})
    assert old == code
    assert first.content.startswith(b"%PDF")
    assert first.content == again.content
    assert (cached.status_code, cached.content) == (304, b"")
    assert first.headers["content-disposition"].startswith("inline")
    assert "immutable" in first.headers["cache-control"]
    assert "LinYue-Wang" in signs_of_pdf((await certificates.get(f"/c/{new}.pdf")).content)
    assert "崇州林盘" in signs_of_pdf(chinese.content)
    named = await certificates.get(f"/c/{old}.pdf?lang=zh", headers={"Accept-Language": "hi"})
    assert (named.status_code, named.content) == (200, chinese.content)
    await revoke(certificates, issuer, story, "issued_in_error")
    assert (await certificates.get(f"/c/{new}.pdf")).status_code == 410


async def test_a_card_is_kept_a_day_by_one_browser_and_is_gone_when_revoked(
    certificates: httpx.AsyncClient, issuer: Issuer, publish: Publish
) -> None:
    story = Story()
    await publish(*story.whole())
    code = (await way_to(certificates, story))["code"]
    card, chinese = await certificates.get(f"/c/{code}.png"), await certificates.get(f"/c/{code}.png", headers=CHINESE)
    assert (card.status_code, card.headers["content-type"]) == (200, "image/png")
    assert card.headers["cache-control"] == "private, max-age=86400, immutable"
    assert card.headers["vary"] == "Accept-Language, Cookie"
    assert card.content != chinese.content
    assert (await certificates.get(f"/c/{code}.png?lang=zh")).content == chinese.content
    assert (await certificates.get(f"/c/{code}.png")).content == card.content
    cached = await certificates.get(f"/c/{code}.png", headers={"If-None-Match": card.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")
    await revoke(certificates, issuer, story, "credits_reversed")
    assert (await certificates.get(f"/c/{code}.png")).status_code == 410
    assert ".png" not in (await certificates.get(f"/c/{code}")).text


async def test_s27_an_erased_holder_is_gone_from_page_sheet_and_api(
    certificates: httpx.AsyncClient, publish: Publish
) -> None:
    story = Story()
    await publish(*story.whole())
    old, new = await corrected(certificates, publish, story, "Lin Yue-Wang (demo)")
    await publish(story.erased(sequence=3))

    async def nameless() -> bool:
        return (await stated(certificates, new))["holder"] is None

    await until(nameless)
    assert (await stated(certificates, old))["holder"] is None
    for code in (old, new):
        page, sheet = await certificates.get(f"/c/{code}"), await certificates.get(f"/c/{code}.pdf")
        assert "Lin Yue" not in page.text
        assert "LinYue" not in signs_of_pdf(sheet.content)
        assert "Holdererased" in signs_of_pdf(sheet.content)
    assert (await stated(certificates, new))["mass_g"] == 533_014
    later = story.of_same_holder()
    await publish(later.purchased(), later.retired())
    assert (await stated(certificates, (await way_to(certificates, later))["code"]))["holder"] is None


async def test_a_correction_changes_only_the_orders_that_it_lists(
    certificates: httpx.AsyncClient, publish: Publish
) -> None:
    listed = Story()
    unlisted = listed.of_same_holder()
    await publish(*listed.whole(), unlisted.purchased(), unlisted.retired())
    untouched = (await way_to(certificates, unlisted))["code"]
    _, new = await corrected(certificates, publish, listed, "Lin Yue-Wang (demo)")
    facts = await stated(certificates, new)
    assert (facts["version"], facts["holder"]) == (2, "Lin Yue-Wang (demo)")
    assert (await stated(certificates, untouched))["holder"] == "Lin Yue (demo)"
    assert (await way_to(certificates, unlisted))["code"] == untouched


async def test_only_staff_with_the_scope_revoke_and_is_published_once(
    certificates: httpx.AsyncClient, infra: Infra, issuer: Issuer, publish: Publish
) -> None:
    story, awaiting = Story(), Story()
    await publish(*story.whole(), awaiting.purchased())
    code = (await way_to(certificates, story))["code"]
    address, body = f"/v1/certificates/{story.certificate_id}/revoke", {"reason": "issued_in_error"}

    async def of_awaiting() -> Any:
        answer = await revoke(certificates, issuer, awaiting, "issued_in_error")
        return answer.status_code != 404 and answer

    nobody = await certificates.post(address, json=body)
    reader = await certificates.post(address, json=body, headers=staff(issuer, "certificates:read", "registry:write"))
    assert (nobody.status_code, reader.status_code) == (401, 403)
    assert (await stated(certificates, code))["status"] == "valid"
    first, again = [await revoke(certificates, issuer, story, "issued_in_error") for _ in range(2)]
    other = await revoke(certificates, issuer, story, "credits_reversed")
    assert (first.status_code, again.json()) == (200, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "revoked_otherwise")
    assert (await revoke(certificates, issuer, Story(), "issued_in_error")).status_code == 404
    assert (await until(of_awaiting)).status_code == 409
    assert (await revoke(certificates, issuer, story, "because")).status_code == 422

    async def published() -> Any:
        events = await published_about(infra, [story])
        return len(events) >= 2 and events

    issued, revoked = await until(published)
    assert isinstance(issued, CertificateIssued)
    assert isinstance(revoked, CertificateRevoked)
    assert (revoked.number, revoked.beneficiary_id) == (issued.number, story.beneficiary_id)
    assert revoked.reason == "issued_in_error"


async def test_only_the_owner_of_an_order_is_led_to_its_certificate(
    certificates: httpx.AsyncClient, publish: Publish
) -> None:
    story = Story()
    program, page = f"/v1/order-certificates/{story.order_id}", f"/c/orders/{story.order_id}"
    owner = {CAPABILITY_HEADER: TOKEN}
    assert (await certificates.get(program, headers=owner)).status_code == 404
    await publish(story.purchased())

    async def has_come() -> Any:
        answer = await certificates.get(program, headers=owner)
        return answer.status_code == 200 and answer.json()

    assert (await until(has_come))["status"] == "awaiting"
    assert (await certificates.get(page, headers=owner)).headers["location"] == f"/orders/{story.order_id}"
    await publish(*story.whole())
    code = (await way_to(certificates, story))["code"]
    for address in (program, page):
        assert (await certificates.get(address)).status_code == 401
        assert (await certificates.get(address, headers={CAPABILITY_HEADER: "1" * 26})).status_code == 403
    with_link = await certificates.get(page, params={"t": TOKEN})
    assert (with_link.status_code, with_link.headers["location"]) == (303, page)
    # The link has become a cookie.
    led = await certificates.get(page)
    assert (led.status_code, led.headers["location"]) == (303, f"/c/{code}")


@pytest.mark.parametrize("name", ["😀 (demo)"])
async def test_a_name_that_cannot_be_printed_is_named_and_not_printed_wrong(
    certificates: httpx.AsyncClient, publish: Publish, name: str
) -> None:
    story = Story()
    await publish(story.named(name), *(message for message in story.whole() if message.subject != story.beneficiary_id))
    code = (await way_to(certificates, story))["code"]
    for ending in ("pdf", "png"):
        printed = await certificates.get(f"/c/{code}.{ending}")
        assert printed.status_code == 409
        assert "😀" in printed.text
    assert name in (await certificates.get(f"/c/{code}")).text
