"""Puts the demo's scenes and projects in, through the same routes that staff use; what is there already stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from shared.web.idempotency import id_of

DEMO = Path(__file__).parent / "demo"
CHENGDU = {"country": "CN", "city": "CN-SC Chengdu", "airports": ["TFU", "CTU"], "organiser_id": "org_demo"}
OPEN_DAYS = 40
Say = Callable[[str], None]


def seed(url: str, token: str, say: Say) -> None:
    """Make what is missing. Raises httpx.HTTPError when a service refuses or does not answer."""
    with httpx.Client(base_url=url, timeout=20, headers={"Authorization": f"Bearer {token}"}) as client:
        scenes = sum(_scene(client, scene) for scene in _read("scenes.json"))
        projects = sum(_project(client, project) for project in _read("projects.json"))
    say(f"demo data: {scenes} scenes and {projects} projects added" if scenes or projects else "demo data: all there")


def _read(name: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = json.loads((DEMO / name).read_text())
    return data


def _scene(client: httpx.Client, scene: dict[str, Any]) -> bool:
    if client.get(f"/v1/scenes/{scene['code']}").status_code == httpx.codes.OK:
        return False
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    period = {"starts_on": today.isoformat(), "ends_on": (today + timedelta(days=OPEN_DAYS)).isoformat()}
    answer = client.put(f"/v1/scenes/{id_of('scn', 'demo', scene['code'])}", json={**CHENGDU, **period, **scene})
    answer.raise_for_status()
    return True


def _project(client: httpx.Client, project: dict[str, Any]) -> bool:
    listing = project["listing"]
    project_id = id_of("prj", "demo", listing["code"])
    new = client.get(f"/v1/projects/{project_id}").status_code == httpx.codes.NOT_FOUND
    if new:
        answer = client.post(f"/v1/projects/{project_id}/listings", json=listing, headers={"If-Match": '"0"'})
        answer.raise_for_status()
    # A batch is known by its report, so that a seed that was interrupted is finished here.
    for batch in project["batches"]:
        report = {"verifier": "Demo Verification (demo)", "verified_tonnes": batch["tonnes"], **batch}
        key = {"Idempotency-Key": f"demo-{batch['report']}"}
        client.post(f"/v1/projects/{project_id}/batches", json=report, headers=key).raise_for_status()
    return new
