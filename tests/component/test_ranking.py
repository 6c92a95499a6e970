"""Ranking as a process of its own would run: real Kafka, real MongoDB protocol, its HTTP side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services import ranking as card
from services.ranking import stream
from services.ranking.app import create_app
from services.ranking.handlers import Handlers
from services.ranking.store import Store
from shared.contracts.certificates import CertificateRevoked
from shared.contracts.event import Event
from shared.web.app import database
from shared.web.auth import CAPABILITY_HEADER
from tests.component.town import Publish, Town, four_guests, new_id, rows
from tests.conftest import client_of, enveloped, until

Make = Callable[..., Any]


async def test_s25_and_b2_four_guests_stand_1_2_2_4_on_pages_of_every_size_and_agree_with_my_rank(
    settings: Make, town: Town
) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        guests = await four_guests(town)

        async def all_there() -> bool:
            return [row["value"] for row in await rows(ranking, city=town.city)] == [9, 7, 7, 5]

        await until(all_there)
        for size in range(1, 6):
            lines = await rows(ranking, city=town.city, limit=size)
            assert [(row["rank"], row["tied"], row["value"]) for row in lines] == [
                (1, False, 9),
                (2, True, 7),
                (2, True, 7),
                (4, False, 5),
            ]
        for guest, line in zip(guests, lines, strict=True):
            headers = {CAPABILITY_HEADER: f"token of {line['name']}"}
            query = {"city": town.city, "beneficiary": guest}
            answer = await ranking.get("/v1/boards/people/my-rank", params=query, headers=headers)
            assert answer.json()["me"] == {**line, "me": True}
            assert answer.json()["members"] == 4


async def test_my_rank_wants_the_capability_of_the_profile_by_cookie_or_by_header(settings: Make, town: Town) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        scene, guest = await town.scene(), new_id("ben")
        await town.name(guest, "Heron", token="right")
        await town.certify(guest, scene)
        await until(lambda: rows(ranking, city=town.city))
        for address in ("/v1/boards/people/my-rank", "/v1/boards/people/around-me"):
            assert (await ranking.get(address)).status_code == 401
            answer = await ranking.get(address, headers={"Cookie": f"{guest}=wrong"})
            assert answer.status_code == 403
            answer = await ranking.get(
                address, params={"beneficiary": new_id("ben")}, headers={CAPABILITY_HEADER: "right"}
            )
            assert answer.status_code == 403
        answer = await ranking.get(
            "/v1/boards/people/my-rank",
            params={"city": town.city},
            headers={"Cookie": f"{new_id('ben')}=x; {guest}=right"},
        )
        assert answer.json()["me"]["rank"] == 1
        # On a board on which the guest does not stand there is no line, and that is no error.
        query = {"city": town.city, "measure": "mass_g"}
        answer = await ranking.get("/v1/boards/people/my-rank", params=query, headers={"Cookie": f"{guest}=right"})
        assert (answer.status_code, answer.json()["me"]) == (200, None)


async def test_around_me_shows_five_neighbours_on_each_side(settings: Make, town: Town) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        scene, start = await town.scene(), datetime.now(UTC)
        guests = [new_id("ben") for _ in range(13)]
        for number, guest in enumerate(guests):
            await town.name(guest, f"Guest {number}", token="t")
            await town.certify(guest, scene, at=start + timedelta(milliseconds=number))

        async def all_there() -> bool:
            return len(await rows(ranking, scene=scene.scene_id)) == 13

        await until(all_there)

        async def around(number: int) -> list[str]:
            headers = {"Cookie": f"{guests[number]}=t"}
            answer = await ranking.get("/v1/boards/people/around-me", params={"scene": scene.code}, headers=headers)
            mine = [row["name"] for row in answer.json()["data"] if row["me"]]
            assert mine == [f"Guest {number}"]
            assert {(row["rank"], row["tied"]) for row in answer.json()["data"]} == {(1, True)}
            return [row["name"] for row in answer.json()["data"]]

        assert await around(6) == [f"Guest {number}" for number in range(1, 12)]
        assert await around(0) == [f"Guest {number}" for number in range(6)]
        assert await around(12) == [f"Guest {number}" for number in range(7, 13)]


async def test_s27_erasure_and_b4_hiding_leave_the_screen_within_two_seconds_and_no_gap(
    settings: Make, town: Town
) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        ginkgo, heron, _, teapot = await four_guests(town)

        async def shown() -> list[tuple[int, str]]:
            return [(row["rank"], row["name"]) for row in await rows(ranking, city=town.city)]

        async def all_there() -> bool:
            return len(await shown()) == 4

        await until(all_there)
        await town.name(ginkgo, None, sequence=2)
        await town.name(heron, "Heron", board="hidden", sequence=2, token="token of Heron")
        await town.name(teapot, "Teapot", board="named", sequence=2)

        async def changed() -> bool:
            return await shown() == [(1, "Lantern"), (2, "Teapot in full")]

        await until(changed, seconds=2)
        page = await ranking.get("/boards/people", params={"city": town.city})
        assert "Lantern" in page.text
        assert "Ginkgo" not in page.text
        assert "Heron" not in page.text
        # The erased profile opens nothing any more; the hidden one still does, and stands nowhere.
        for guest, token, status in ((ginkgo, "token of Ginkgo", 403), (heron, "token of Heron", 200)):
            answer = await ranking.get("/v1/boards/people/my-rank", headers={"Cookie": f"{guest}={token}"})
            assert answer.status_code == status
        assert answer.json()["me"] is None
    async with client_of(create_app(settings("ranking"))) as rebuilt:
        assert [row["name"] for row in await rows(rebuilt, city=town.city)] == ["Lantern", "Teapot in full"]


async def test_b1_a_revoked_certificate_leaves_the_board(settings: Make, town: Town, publish: Publish) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        guest = new_id("ben")
        await town.name(guest, "Heron")
        (certificate,) = await town.certify(guest, await town.scene())
        await until(lambda: rows(ranking, city=town.city))
        revoked = CertificateRevoked(
            certificate_id=certificate.certificate_id,
            number=certificate.number,
            order_id=certificate.order_id,
            beneficiary_id=guest,
            reason="issued_in_error",
            revoked_at=datetime.now(UTC),
        )
        await publish(enveloped(revoked, sequence=2))

        async def gone() -> bool:
            return await rows(ranking, city=town.city) == []

        await until(gone)


async def test_b3_a_certificate_of_yesterday_stands_in_its_own_day(settings: Make, town: Town) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        early, late, scene = new_id("ben"), new_id("ben"), await town.scene()
        await town.name(early, "Early")
        await town.name(late, "Late")
        await town.certify(late, scene)
        await town.certify(early, scene, at=datetime.now(UTC) - timedelta(days=1))

        async def both() -> bool:
            return len(await rows(ranking, city=town.city)) == 2

        await until(both)
        assert [row["name"] for row in await rows(ranking, city=town.city, window="day")] == ["Late"]


async def test_the_page_brings_the_own_line_along_and_names_the_ranks_between(settings: Make, town: Town) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        scene, start = await town.scene(), datetime.now(UTC)
        guests = [new_id("ben") for _ in range(31)]
        for number, guest in enumerate(guests):
            await town.name(guest, f"Guest {number:02}", token="t")
            await town.certify(guest, scene, at=start + timedelta(milliseconds=number))

        async def all_there() -> bool:
            return len(await rows(ranking, scene=scene.code)) == 31

        await until(all_there)
        address = f"/boards/people?scene={scene.code}"
        page = (await ranking.get(address, headers={"Cookie": f"{guests[30]}=t"})).text
        assert "Guest 19" in page
        assert "Guest 20" not in page
        assert "Ranks 1 to 1" in page
        assert "Guest 25" in page
        assert "You, Guest 30" in page
        assert "The next ranks" not in page
        assert "Forum (demo)" in page
        page = (await ranking.get(address)).text
        assert "You, " not in page
        following = page.split('class="third" href="')[1].split('"')[0].replace("&amp;", "&")
        page = (await ranking.get(following)).text
        assert "Guest 19" not in page
        assert "Guest 20" in page
        assert "Guest 30" in page


async def test_pages_of_an_empty_board_of_an_unknown_scene_and_of_a_wrong_cursor_answer_in_words(
    settings: Make, town: Town
) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        scene = await town.scene()

        async def known() -> bool:
            return (await ranking.get("/boards/people", params={"scene": scene.code})).status_code == 200

        await until(known)
        page = await ranking.get("/boards/people", params={"scene": scene.code, "window": "week"})
        assert "Nobody is on this board yet" in page.text
        assert (await ranking.get("/boards/people", params={"scene": "NOWHERE"})).status_code == 404
        assert (await ranking.get("/boards/people", params={"after": "nonsense"})).status_code == 422
        assert (await ranking.get("/boards")).headers["location"] == "/boards/people"


@pytest.mark.parametrize(
    ("address", "status", "name"),
    [
        ("/v1/boards/people?measure=share", 422, "measure"),
        ("/v1/boards/scenes?window=day&measure=share", 422, "window"),
        ("/v1/boards/people?cursor=abc", 422, "cursor"),
        ("/v1/boards/people?limit=1000", 422, "limit"),
        ("/v1/boards/people?window=century", 422, "window"),
        ("/v1/boards/people?colour=red", 422, "colour"),
        ("/v1/boards/people?scene=NOWHERE", 404, "scene"),
        ("/v1/boards/trees", 422, "board"),
    ],
)
async def test_a_board_that_there_is_not_is_refused_with_the_field_named(
    settings: Make, address: str, status: int, name: str
) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        answer = await ranking.get(address)
        assert answer.status_code == status
        (error,) = answer.json()["errors"]
        assert (error["in"], error["name"]) == ("path" if name == "board" else "query", name)


def test_ranking_publishes_nothing_and_consumes_what_its_card_names(settings: Make) -> None:
    store = Store(database(settings("ranking")))
    consumed: list[type[Event]] = list(
        stream.consumes(Handlers(store, lambda: datetime.now(UTC), code="", replica="test"))
    )
    store.close()
    assert all(event.topic in (card.__doc__ or "") for event in consumed)
    assert stream.PUBLISHES == ()
