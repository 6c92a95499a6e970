"""`python -m deploy.generate` writes; `--check` names what differs.

`examples` takes messages from a running copy, `exchanges` takes requests and answers from a tour of it.
"""

from __future__ import annotations

import asyncio
import os
import sys

from deploy.generate.examples import take
from deploy.generate.files import ROOT, generated, openapi
from shared.contracts.topics import SERVICES

# Where `make up` starts it, unless DIANDIAN_PORT says otherwise.
EMBEDDED_KAFKA = "127.0.0.1:8090"


def write(*, check: bool) -> None:
    """Write the generated files, or only compare them. Exits 1 when they are compared and differ."""
    different = []
    for path, text in generated().items():
        target = ROOT / path
        if target.exists() and target.read_text() == text:
            continue
        different.append(str(path))
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    if check and different:
        sys.exit(f"run `python -m deploy.generate`: {', '.join(different)} differ from the code")
    print(f"{len(different)} files written" if not check else "generated files agree with the code")


def take_exchanges() -> None:
    """Take a tour of the copy that runs here, and keep what was sent and answered. Exits 1 when a part is missing."""
    # Of all this nothing is needed to write references.
    from deploy.cli import HOME, PLACE, staff_token  # noqa: PLC0415
    from deploy.generate.tour import ORGANISER, SCOPES, record  # noqa: PLC0415
    from deploy.local.runtime import Local  # noqa: PLC0415

    recorder = asyncio.run(
        record(
            PLACE.url,
            public_url=PLACE.url,
            token=staff_token(PLACE.url, scopes=SCOPES, organiser=ORGANISER),
            powerless=staff_token(PLACE.url, scopes=()),
            sandbox_key=Local(HOME, PLACE.port).env("sandbox")["SANDBOX_KEY"],
            documents={service: openapi(service) for service in SERVICES},
        )
    )
    for path, text in recorder.files().items():
        path.write_text(text)
    if missing := recorder.missing():
        sys.exit(f"the tour left out {', '.join(missing)}")


def main() -> None:
    """Do what the command line asks for."""
    match sys.argv[1:]:
        case []:
            write(check=False)
        case ["--check"]:
            write(check=True)
        case ["examples"]:
            asyncio.run(take(os.environ.get("KAFKA_BOOTSTRAP_SERVERS", EMBEDDED_KAFKA), print))
            write(check=False)
        case ["exchanges"]:
            take_exchanges()
            write(check=False)
        case _:
            sys.exit("usage: python -m deploy.generate [--check | examples | exchanges]")


if __name__ == "__main__":
    main()
