"""Stories of guests through all five services: plainly, and with every message doubled; the audit holds after each."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from typing import Any

import httpx

from tests.conftest import until
from tests.system.conftest import System
from tests.system.guests import BOARDS, GRAMS, GROVES, Buyer, entries, got, ranked_anew, steps


async def test_a_guest_s_visit_is_counted_neutralised_certified_and_ranked(
    system: System, client: httpx.AsyncClient
) -> None:
    guest = Buyer(client, name="Lin Yue (demo)")
    assert (await guest.count())["mass_g"] == GRAMS
    await guest.place(GROVES)
    completed = await guest.bought()
    assert steps(completed) == ["placed", "held", "purchased", "retired", "completed"]
    assert (completed["mass_g"], completed["subtotal_fen"], completed["total_fen"]) == (GRAMS, 2559, 2759)

    certificate = await guest.certificate()
    stated = await got(client, f"/v1/certificates/{certificate['code']}")
    assert (await got(client, f"/v1/verifications/{certificate['code']}"))["status"] == "valid"
    assert (stated["number"], stated["holder"]) == (completed["certificate"]["number"], "Lin Yue (demo)")
    assert sum(line["to_gram"] - line["from_gram"] for line in stated["serials"]) == stated["mass_g"] == GRAMS
    assert (await client.get(f"/c/{certificate['code']}.pdf")).content.startswith(b"%PDF-")
    retired = await got(client, f"/v1/order-retirements/{guest.order['order_id']}")
    assert stated["ledger"]["page_hash"] == retired["data"][0]["page_hash"]

    rank = await guest.rank()
    assert (rank["me"]["value"], rank["me"]["me"]) == (1, True)
    books = await system.holds()
    assert entries(books, guest.order["order_id"]) == ["hold", "post"]
    covered = {one["_id"]: one["certificates"] for one in books.of("calculator", "footprints")}
    assert covered[guest.footprint["footprint_id"]] == [completed["certificate"]["certificate_id"]]


async def test_who_knows_the_mass_buys_it_without_a_footprint(system: System, client: httpx.AsyncClient) -> None:
    guest = Buyer(client, name=f"Wu {secrets.token_hex(4)} (demo)")
    await guest.buy(GROVES, mass_g=999)
    completed = await guest.bought()
    assert (completed["mass_g"], completed["subtotal_fen"], completed["footprints"]) == (999, 5, [])
    stated = await got(client, f"/v1/certificates/{(await guest.certificate())['code']}")
    assert (stated["mass_g"], stated["scene"], stated["holder"]) == (999, None, guest.name)
    await system.holds()
    by_scenes, by_mass = (await ranked_anew(system, client))[:2]
    assert guest.name not in {row["name"] for row in by_scenes["data"]}, "no scene, no line"
    assert {row["name"]: row["value"] for row in by_mass["data"]}[guest.name] == 999


async def test_s11_five_yuan_at_forty_eight_a_tonne_buy_104_166_grams(
    system: System, client: httpx.AsyncClient
) -> None:
    guest = Buyer(client)
    await guest.buy(GROVES, money_fen=500)
    completed = await guest.bought()
    assert (completed["unit_price_fen"], completed["mass_g"]) == (4800, 104_166)
    assert (completed["subtotal_fen"], completed["fee_fen"], completed["total_fen"]) == (500, 200, 700)
    await system.holds()


async def test_an_order_that_is_cancelled_while_held_gives_its_grams_back(
    system: System, client: httpx.AsyncClient
) -> None:
    async def available() -> int:
        return int((await got(client, f"/v1/projects/{GROVES}"))["available_g"])

    before, guest = await available(), Buyer(client)
    await guest.buy(GROVES, mass_g=1_500_000)
    await guest.reaches("held")
    assert await available() == before - 1_500_000
    assert (await guest.cancel()).json()["state"] == "cancelled"

    async def given_back() -> bool:
        return await available() == before

    await until(given_back)
    payment = await guest.start_payment()
    assert (payment.status_code, payment.json()["code"]) == (409, "order_state")
    books = await system.holds()
    assert entries(books, guest.order["order_id"]) == ["hold", "release"]
    assert await available() == before
    assert steps(await guest.seen()) == ["placed", "held", "cancelled"]


async def test_s10_money_that_comes_a_minute_after_the_end_goes_back_in_full(
    system: System, client: httpx.AsyncClient
) -> None:
    guest = Buyer(client)
    await guest.buy(GROVES, mass_g=GRAMS)
    await guest.reaches("held")
    payment_id = (await guest.start_payment()).json()["payment_id"]
    system.clock.forward(minutes=16)
    assert (await guest.reaches("expired"))["state"] == "expired"
    assert (await client.post(f"/v1/sandbox/payments/{payment_id}/approve")).status_code == httpx.codes.OK

    async def returned() -> dict[str, Any] | None:
        (payment,) = (await guest.seen())["payments"]
        return payment if payment["refund"] and payment["refund"]["state"] == "made" else None

    payment = await until(returned)
    assert (payment["received_fen"], payment["refund"]["why"]) == (2759, "late")
    assert (await guest.seen())["state"] == "expired"
    books = await system.holds()
    assert entries(books, guest.order["order_id"]) == ["hold", "release"]


async def test_s19_after_an_absence_of_certificates_every_certificate_comes_once(
    system: System, client: httpx.AsyncClient
) -> None:
    guests = [Buyer(client) for _ in range(4)]

    async def bought_until_retired(guest: Buyer) -> None:
        await guest.count()
        await guest.place(GROVES)
        await guest.reaches("held")
        await guest.pay()
        assert (await guest.reaches("retired"))["state"] == "retired"

    await system.stop("certificates")
    try:
        await asyncio.gather(*map(bought_until_retired, guests))
        away = await client.get(f"/v1/order-certificates/{guests[0].order['order_id']}")
        assert away.status_code in {502, 503}
    finally:
        await system.start("certificates")
    completed = await asyncio.gather(*(guest.reaches("completed") for guest in guests))
    assert len({order["certificate"]["number"] for order in completed}) == len(guests)
    books = await system.holds()
    by_subject = Counter(message.subject for message in set(books.published("certificate.issued")))
    assert {by_subject[order["certificate"]["certificate_id"]] for order in completed} == {1}


async def test_a_corrected_name_makes_a_second_version_and_the_first_shows_it(
    system: System, client: httpx.AsyncClient
) -> None:
    guest = Buyer(client, name="Lin Yui (demo)")
    await guest.buy(GROVES, mass_g=999)
    await guest.bought()
    first = await got(client, f"/v1/certificates/{(await guest.certificate())['code']}")
    assert (await guest.profile("PATCH", name="Lin Yue (demo)")).status_code == httpx.codes.OK

    async def replaced() -> dict[str, Any] | None:
        verified = await got(client, f"/v1/verifications/{first['code']}")
        return verified["superseded_by"] if verified["status"] == "superseded" else None

    second = await got(client, f"/v1/certificates/{(await until(replaced))['code']}")
    assert (second["version"], second["holder"], second["status"]) == (2, "Lin Yue (demo)", "valid")
    stays = ("certificate_id", "number", "mass_g", "serials", "ledger", "issued_at")
    assert {what: second[what] for what in stays} == {what: first[what] for what in stays}
    await system.holds()
    assert (await got(client, f"/v1/certificates/{second['code']}"))["status"] == "valid", "there is no third version"


async def test_s27_an_erased_name_is_gone_everywhere_and_every_total_stays(
    system: System, client: httpx.AsyncClient
) -> None:
    name = f"Ye {secrets.token_hex(4)} (demo)"
    guest = Buyer(client, name=name)
    await guest.count()
    await guest.place(GROVES)
    await guest.bought()
    await guest.profile("PATCH", board="named")
    code = (await guest.certificate())["code"]
    order_id = guest.order["order_id"]

    async def shown() -> list[str]:
        """Where the name can be seen."""
        pages = {
            "certificate": await client.get(f"/v1/certificates/{code}"),
            "page of the certificate": await client.get(f"/c/{code}"),
            "order": await client.get(f"/v1/orders/{order_id}", headers=guest.shows_order),
            "page of the order": await client.get(f"/orders/{order_id}", headers=guest.shows_order),
            "page of the board": await client.get("/boards/people"),
            **{board: await client.get(f"/v1/boards/{board}") for board in BOARDS},
        }
        assert {page.status_code for page in pages.values()} == {200}
        return [where for where, page in pages.items() if name in page.text]

    async def named() -> bool:
        return "people" in await shown()

    await until(named)
    assert name in str(await system.stored())
    before = await totals(system, client)
    printed = (await client.get(f"/c/{code}.pdf")).content

    assert (await guest.profile("DELETE")).status_code == httpx.codes.NO_CONTENT

    async def gone() -> bool:
        return not await shown()

    await until(gone)
    await system.holds()
    assert await shown() == []
    assert name not in str(await system.stored())
    assert (await got(client, f"/v1/certificates/{code}"))["holder"] is None
    assert (await got(client, f"/v1/verifications/{code}"))["status"] == "valid"
    assert (await client.get(f"/c/{code}.pdf")).content != printed
    assert await totals(system, client) == before
    assert name not in str(await ranked_anew(system, client))
    assert (await guest.profile("PATCH", name=name)).status_code == httpx.codes.CONFLICT


async def totals(system: System, client: httpx.AsyncClient) -> dict[str, Any]:
    """What must not change when somebody is erased."""
    (*_, by_share, by_mass) = await ranked_anew(system, client)
    async with system.staff() as staff:
        payables = await got(staff, "/v1/payables")
    return {
        "scenes by share": by_share,
        "scenes by mass": by_mass,
        "projects": (await got(client, "/v1/projects"))["data"],
        "payables": payables,
    }
