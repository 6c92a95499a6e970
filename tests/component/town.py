"""A town of one test for ranking: its scenes, guests and certificates, and its boards as ranking answers them."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx

from shared.contracts.calculator import ScenePublished
from shared.contracts.certificates import CertificateIssued
from shared.contracts.orders import BeneficiaryNamed
from shared.web.auth import hash_of
from shared.web.idempotency import id_of
from tests.conftest import enveloped

Publish = Callable[..., Awaitable[None]]


def new_id(kind: str) -> str:
    return id_of(kind, secrets.token_hex(8))


class Town:
    """Scenes, guests and certificates of one test, in a city of its own, for the log is shared with other tests."""

    def __init__(self, publish: Publish) -> None:
        self.city = f"CN-SC Town {secrets.token_hex(4)}"
        self._publish = publish

    async def scene(self) -> ScenePublished:
        """Publish a scene of this town."""
        event = ScenePublished(
            scene_id=new_id("scn"),
            code=secrets.token_hex(5).upper(),
            names={"en": "Forum (demo)", "zh": "论坛（示例）"},
            kind="conference",
            country="CN",
            city=self.city,
            starts_on=date(2026, 11, 1),
            ends_on=None,
            time_zone="Asia/Shanghai",
            organiser_id="org_demo",
            status="open",
        )
        await self._publish(enveloped(event))
        return event

    async def name(
        self, beneficiary_id: str, text: str | None, *, board: Any = "alias", sequence: int = 1, token: str = "t"
    ) -> None:
        """Name a guest; without a text, erase."""
        event = BeneficiaryNamed(
            beneficiary_id=beneficiary_id,
            name=text and f"{text} in full",
            alias=text,
            kind="person",
            board=board,
            profile_hash=hash_of("ben", beneficiary_id, token) if text else None,
            erased=text is None,
        )
        await self._publish(enveloped(event, sequence=sequence))

    async def certify(
        self, beneficiary_id: str, *scenes: ScenePublished, grams: int = 1000, at: datetime | None = None
    ) -> list[CertificateIssued]:
        """Issue a certificate for each scene."""
        events = [
            CertificateIssued(
                certificate_id=new_id("cert"),
                number=f"DD-{secrets.token_hex(4)}",
                order_id=new_id("ord"),
                beneficiary_id=beneficiary_id,
                beneficiary_kind="person",
                scene_id=scene.scene_id,
                project_id=new_id("prj"),
                footprint_ids=(),
                grams=grams,
                issued_at=at or datetime.now(UTC),
            )
            for scene in scenes
        ]
        await self._publish(*(enveloped(event) for event in events))
        return events


async def rows(ranking: httpx.AsyncClient, board: str = "people", **query: Any) -> list[dict[str, Any]]:
    """Return all lines of a board, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await ranking.get(f"/v1/boards/{board}", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["data"]
        if not page["has_more"]:
            assert page["next_cursor"] is None
            assert page["members"] == len(found)
            return found
        query["cursor"] = page["next_cursor"]


async def four_guests(town: Town) -> list[str]:
    """Let four guests take part in 9, 7, 7 and 5 scenes of the town; return their ids."""
    scenes = [await town.scene() for _ in range(9)]
    guests = [new_id("ben") for _ in range(4)]
    for guest, count, name in zip(guests, (9, 7, 7, 5), ("Ginkgo", "Heron", "Lantern", "Teapot"), strict=True):
        await town.certify(guest, *scenes[:count])
        await town.name(guest, name, token=f"token of {name}")
    return guests
