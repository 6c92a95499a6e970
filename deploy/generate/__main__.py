"""`python -m deploy.generate` writes; `--check` names what differs; `examples` takes messages from a running copy."""

from __future__ import annotations

import asyncio
import os
import sys

from deploy.generate.examples import take
from deploy.generate.files import ROOT, generated

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
        case _:
            sys.exit("usage: python -m deploy.generate [--check | examples]")


if __name__ == "__main__":
    main()
