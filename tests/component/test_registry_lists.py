"""Projects, pages of the ledger and proofs come in pages that leave out nothing."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import httpx

from shared.web.idempotency import id_of
from tests.component.test_registry import listed, registry  # noqa: F401 -- used by name
from tests.component.walks import refuses_cursors_of_strangers, walked
from tests.conftest import until


async def test_a_walk_through_projects_gives_each_once_while_new_ones_come(registry: httpx.AsyncClient) -> None:
    there = {await listed(registry, tonnes=9) for _ in range(7)}
    newer: list[str] = []

    async def another() -> None:
        if len(newer) < 4:
            newer.append(await listed(registry, tonnes=9))

    found = [one["project_id"] for one in await walked(registry, "/v1/projects", limit=2, between=another)]
    assert found == sorted(set(found))
    assert there <= set(found)
    page = (await registry.get("/projects")).text
    assert all(f"/projects/{project_id}" in page for project_id in [*there, *newer]), "people are shown all at once"
    await refuses_cursors_of_strangers(registry, "/v1/projects")


async def test_a_walk_through_the_pages_of_a_ledger_gives_each_once_in_order(registry: httpx.AsyncClient) -> None:
    project_id = await listed(registry, tonnes=9)
    address = f"/v1/projects/{project_id}/pages"
    whole = (await registry.get(address)).json()["data"]
    assert len(whole) >= 2
    assert await walked(registry, address, limit=1) == whole
    assert [page["sequence"] for page in whole] == list(range(1, len(whole) + 1))
    await refuses_cursors_of_strangers(registry, address)


async def test_a_walk_through_the_proof_gives_each_project_once(registry: httpx.AsyncClient) -> None:
    project_id = await listed(registry, tonnes=9)

    async def proven() -> list[str]:
        found = [one["project_id"] for one in await walked(registry, "/v1/proof", limit=2)]
        return found if project_id in found else []

    found = await until(proven)
    assert found == sorted(set(found))
    await refuses_cursors_of_strangers(registry, "/v1/proof")


async def test_cursors_of_strangers_are_refused_where_claims_are_listed(registry: httpx.AsyncClient) -> None:
    project_id = await listed(registry, tonnes=9)
    (batch,) = (await registry.get(f"/v1/projects/{project_id}")).json()["batches"]
    await refuses_cursors_of_strangers(registry, f"/v1/retirements/{batch['prefix']}-1")
    nothing = await registry.get(f"/v1/retirements/orders/{id_of('ord', 'nobody')}")
    assert nothing.status_code == 404
