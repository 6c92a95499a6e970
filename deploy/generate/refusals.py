"""How each request of a tour is refused, where it was not on the way."""

from __future__ import annotations

import httpx

from deploy.generate.exchanges import Recorder
from shared.web.auth import CAPABILITY_HEADER


async def be_refused(client: httpx.AsyncClient, recorder: Recorder) -> None:
    """Send each request again so that it is refused."""
    recorder.only_refusals = True
    for name, request in list(recorder.sent.items()):
        # Refusals on the way were for want of news; those that follow are of the request.
        recorder.exchanges[name]["responses"].pop("default", None)
        for again in spoilt(request, recorder.line(name)):
            if (await client.send(again)).is_client_error:
                break


def spoilt(request: httpx.Request, line: str) -> list[httpx.Request]:
    """Return a request of an operation in forms that are to be refused, the most telling first."""
    shown = {name: text for name, text in request.headers.items() if name not in {"host", "content-length"}}
    bare = {name: text for name, text in shown.items() if name not in {"authorization", CAPABILITY_HEADER.lower()}}
    forms: list[httpx.Request] = []

    def form(url: httpx.URL | None = None, headers: dict[str, str] = shown, content: bytes | None = None) -> None:
        content = request.content if content is None else content
        forms.append(httpx.Request(request.method, url or request.url, headers=headers, content=content))

    if bare != shown:
        form(headers=bare)
    if request.method == "GET":
        if line.endswith("}"):
            form(request.url.copy_with(path=f"{request.url.path.rpartition('/')[0]}/NOWHERE"))
        form(request.url.copy_add_param("cursor", "nowhere"))
        form(request.url.copy_add_param("colour", "green"))
    else:
        form(content=b"{}")
    return forms
