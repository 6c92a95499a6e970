"""What registrars ask, asked twice: by a repeat, by two at once, with a key or an identity that is another's."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import httpx
import pytest

from tests.component.test_registry import LISTING, listed, new_id, registry  # noqa: F401 -- the fixture is used by name

REPORT = {"verifier": "Verifier (demo)", "verified_tonnes": 50, "tonnes": 5, "vintage": 2022}
REPLAYED = "Idempotency-Replayed"


def new_key() -> str:
    return secrets.token_hex(8)


async def issue(
    registry: httpx.AsyncClient, project_id: str, report: str, *, key: str | None = None, **changes: Any
) -> httpx.Response:
    return await registry.post(
        f"/v1/projects/{project_id}/batches",
        json={**REPORT, "report": report, **changes},
        headers={"Idempotency-Key": key or new_key()},
    )


async def cancel(registry: httpx.AsyncClient, project_id: str, batch_id: str, tonnes: int, key: str) -> httpx.Response:
    return await registry.post(
        f"/v1/projects/{project_id}/cancellations",
        json={"batch_id": batch_id, "tonnes": tonnes, "reason": "buffer"},
        headers={"Idempotency-Key": key},
    )


async def relist(registry: httpx.AsyncClient, project_id: str, *, seen: int, **changes: Any) -> httpx.Response:
    return await registry.post(
        f"/v1/projects/{project_id}/listings", json={**LISTING, **changes}, headers={"If-Match": f'"{seen}"'}
    )


async def batches(registry: httpx.AsyncClient, project_id: str) -> list[dict[str, Any]]:
    return list((await registry.get(f"/v1/projects/{project_id}")).json()["batches"])


async def test_c2_a_code_belongs_to_one_project_for_ever(registry: httpx.AsyncClient) -> None:
    mine, other = new_id("prj"), new_id("prj")
    code, later = f"A{secrets.token_hex(3).upper()}", f"B{secrets.token_hex(3).upper()}"
    first = await relist(registry, mine, seen=0, code=code)
    taken = await relist(registry, other, seen=0, code=code)
    elsewhere = await relist(registry, other, seen=0, code=code, place="CN510200")
    moved = await relist(registry, mine, seen=1, code=later)
    still_taken = await relist(registry, other, seen=1, code=code)
    back = await relist(registry, mine, seen=2, code=code)
    assert [answer.status_code for answer in (first, elsewhere, moved, back)] == [201] * 4
    for refused in (taken, still_taken):
        assert (refused.status_code, refused.json()["code"]) == (409, "identity_taken")
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/code"]
        assert mine in refused.json()["detail"]


async def test_c2_of_projects_that_take_a_code_at_once_one_gets_it(registry: httpx.AsyncClient) -> None:
    for _ in range(5):
        code = secrets.token_hex(4).upper()
        answers = await asyncio.gather(*(relist(registry, new_id("prj"), seen=0, code=code) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_listing_that_is_refused_leaves_no_trace(registry: httpx.AsyncClient) -> None:
    code = secrets.token_hex(4).upper()
    mistaken = await relist(registry, await listed(registry, tonnes=1), seen=1, code=code)
    assert (mistaken.status_code, mistaken.json()["code"]) == (409, "identity_fixed")
    assert (await relist(registry, new_id("prj"), seen=0, code=code)).status_code == 201


async def test_o1_a_report_that_another_project_issued_is_refused_naming_that_project(
    registry: httpx.AsyncClient,
) -> None:
    mine, other = await listed(registry, tonnes=1), await listed(registry, tonnes=1)
    report = f"MR-2-{mine}"
    first, second = await issue(registry, mine, report), await issue(registry, other, report)
    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (409, "report_issued_otherwise")
    assert mine in second.json()["detail"]
    assert len(await batches(registry, other)) == 1


async def test_o1_a_repeated_batch_is_the_first_answer_again_and_marked(registry: httpx.AsyncClient) -> None:
    project_id, key = await listed(registry, tonnes=1), new_key()
    report = f"MR-2-{project_id}"
    first = await issue(registry, project_id, report, key=key)
    await cancel(registry, project_id, first.json()["batch_id"], 2, new_key())
    again = await issue(registry, project_id, report, key=key)
    by_report = await issue(registry, project_id, report)
    assert REPLAYED not in first.headers
    for repeated in (again, by_report):
        assert (repeated.status_code, repeated.headers[REPLAYED]) == (201, "true")
        assert repeated.content == first.content
    assert len(await batches(registry, project_id)) == 2


async def test_o1_a_key_that_made_a_batch_makes_no_other(registry: httpx.AsyncClient, issuer: Any) -> None:
    mine, other, key = await listed(registry, tonnes=1), await listed(registry, tonnes=1), new_key()
    assert (await issue(registry, mine, f"MR-2-{mine}", key=key)).status_code == 201
    for refused in (
        await issue(registry, mine, f"MR-3-{mine}", key=key),
        await issue(registry, mine, f"MR-2-{mine}", key=key, tonnes=4),
        await issue(registry, other, f"MR-2-{mine}", key=key),
        await issue(registry, other, f"MR-3-{other}", key=key),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    registry_of_another = {"Authorization": f"Bearer {issuer[0].token('second registrar', 'registry:write')}"}
    free = await registry.post(
        f"/v1/projects/{mine}/batches",
        json={**REPORT, "report": f"MR-4-{mine}"},
        headers={"Idempotency-Key": key, **registry_of_another},
    )
    assert (free.status_code, free.json()["number"]) == (201, 3)


async def test_o1_a_key_that_cancelled_cancels_nothing_else(registry: httpx.AsyncClient) -> None:
    mine, other, key = await listed(registry, tonnes=10), await listed(registry, tonnes=10), new_key()
    (batch,), (others,) = await batches(registry, mine), await batches(registry, other)
    first = await cancel(registry, mine, batch["batch_id"], 1, key)
    await cancel(registry, mine, batch["batch_id"], 7, new_key())
    again = await cancel(registry, mine, batch["batch_id"], 1, key)
    assert (first.status_code, REPLAYED in first.headers) == (201, False)
    assert (again.status_code, again.headers[REPLAYED], again.content) == (201, "true", first.content)
    for refused in (
        await cancel(registry, mine, batch["batch_id"], 5, key),
        await cancel(registry, other, others["batch_id"], 1, key),
        await cancel(registry, other, batch["batch_id"], 1, key),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    (batch,), (others,) = await batches(registry, mine), await batches(registry, other)
    assert (batch["cancelled"], others["cancelled"]) == (8_000_000, 0)


@pytest.mark.parametrize("more", [{}, {"external_serial": "X/{}"}, {"serial_start": 10_000}], ids=str)
async def test_s8_the_same_report_posted_at_once_gives_one_batch_and_the_same_answer_to_all(
    registry: httpx.AsyncClient, more: dict[str, Any]
) -> None:
    project_id = await listed(registry, tonnes=1)
    for number in range(8):
        key, report = new_key(), f"MR-{number + 2}-{project_id}"
        changes = {
            name: value.format(number) if isinstance(value, str) else value * number for name, value in more.items()
        }
        changes = {name: value for name, value in changes.items() if value != 0}
        answers = await asyncio.gather(*(issue(registry, project_id, report, key=key, **changes) for _ in range(6)))
        assert [answer.status_code for answer in answers] == [201] * 6, [answer.text for answer in answers]
        assert len({answer.content for answer in answers}) == 1
        assert sum(REPLAYED in answer.headers for answer in answers) == 5
        assert len(await batches(registry, project_id)) == number + 2


async def test_s8_the_last_tonnes_cancelled_at_once_by_one_key_are_cancelled_once_and_nobody_is_refused(
    registry: httpx.AsyncClient,
) -> None:
    project_id = await listed(registry, tonnes=1)
    for number in range(8):
        key, batch_id = (
            new_key(),
            (await issue(registry, project_id, f"MR-{number + 2}-{project_id}")).json()["batch_id"],
        )
        answers = await asyncio.gather(*(cancel(registry, project_id, batch_id, 5, key) for _ in range(6)))
        assert [answer.status_code for answer in answers] == [201] * 6, [answer.text for answer in answers]
        assert len({answer.content for answer in answers}) == 1


async def test_the_reference_names_the_key_and_the_mark_of_a_replay(registry: httpx.AsyncClient) -> None:
    paths = (await registry.get("/v1/registry/openapi.json")).json()["paths"]
    for what in ("batches", "cancellations"):
        operation = paths[f"/v1/projects/{{project_id}}/{what}"]["post"]
        (key,) = [one for one in operation["parameters"] if one["name"] == "Idempotency-Key"]
        assert key["required"]
        assert key["description"]
        assert REPLAYED in operation["responses"]["201"]["headers"]
        assert {"409", "422"} <= set(operation["responses"])


async def test_acts_of_a_registrar_that_are_done_get_their_first_answer_whatever_came_since(
    registry: httpx.AsyncClient,
) -> None:
    project_id, code = new_id("prj"), secrets.token_hex(4).upper()

    async def lists(price: int, seen: int) -> httpx.Response:
        content = {**LISTING, "code": code, "unit_price_fen": price}
        return await registry.post(
            f"/v1/projects/{project_id}/listings", json=content, headers={"If-Match": f'"{seen}"'}
        )

    key, report = new_key(), f"MR {code}"
    listing = await lists(4_800, 0)
    batch = await issue(registry, project_id, report)
    cancelled = await cancel(registry, project_id, batch.json()["batch_id"], 2, key)
    assert [answer.status_code for answer in (listing, batch, cancelled)] == [201] * 3
    await lists(5_000, 1)
    await cancel(registry, project_id, batch.json()["batch_id"], 1, new_key())
    again = [
        await lists(4_800, 0),
        await issue(registry, project_id, report),
        await cancel(registry, project_id, batch.json()["batch_id"], 2, key),
    ]
    assert [answer.json() for answer in again] == [answer.json() for answer in (listing, batch, cancelled)]
    assert {(answer.status_code, answer.headers[REPLAYED]) for answer in again} == {(201, "true")}
    assert (await lists(4_900, 0)).status_code == 412
