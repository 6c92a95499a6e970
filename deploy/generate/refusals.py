"""How each request of a tour is refused: for want of what opens it, and for what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx

from deploy.generate.exchanges import Recorder
from deploy.sandbox.notices import SIGNATURE_HEADER
from shared.web.auth import CAPABILITY_HEADER

_ID = re.compile(r"\b([a-z]+_)[0-9A-Z]{26}\b")
OPENS = frozenset({"authorization", CAPABILITY_HEADER.lower(), SIGNATURE_HEADER.lower()})


async def be_refused(client: httpx.AsyncClient, recorder: Recorder, *, powerless: str) -> None:
    """Send each request again until it was refused in each way that its document names; `powerless` has no scope."""
    recorder.only_refusals = True
    for name, request in list(recorder.sent.items()):
        # Refusals on the way were for want of news; those that follow are of the request.
        recorder.exchanges[name]["responses"].pop("default", None)
        for again in spoilt(request, recorder.line(name), powerless):
            if not recorder.lacks(name):
                break
            await client.send(again)


def spoilt(request: httpx.Request, line: str, powerless: str) -> Iterator[httpx.Request]:
    """Yield a request of an operation in forms that are to be refused, the most telling first."""
    shown = {name: text for name, text in request.headers.items() if name not in {"host", "content-length"}}
    closed = {name: text for name, text in shown.items() if name not in OPENS}
    method, url, content = request.method, request.url, request.content
    if closed != shown:
        yield httpx.Request(method, url, headers=closed, content=content)
    if "authorization" in shown:
        weak = {**closed, "authorization": f"Bearer {powerless}"}
        yield httpx.Request(method, url, headers=weak, content=content)
    unknown = _ID.sub(r"\g<1>" + "0" * 26, url.path)
    if unknown != url.path:
        yield httpx.Request(method, url.copy_with(path=unknown), headers=shown, content=content)
    if method in {"GET", "DELETE"} and line.endswith("}"):
        nowhere = url.copy_with(path=f"{url.path.rpartition('/')[0]}/NOWHERE")
        yield httpx.Request(method, nowhere, headers=shown)
    if content:
        yield httpx.Request(method, url, headers=shown, content=b"{}")
    if method == "GET":
        yield httpx.Request(method, url.copy_add_param("cursor", "nowhere"), headers=shown)
    yield httpx.Request(method, url.copy_add_param("colour", "green"), headers=shown, content=content)
