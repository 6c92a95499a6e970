"""The embedded copy of this checkout from the command line: `python -m deploy.local up|down|status|logs`."""

import argparse
import os
import sys
from pathlib import Path

from deploy.local.bootstrap import CommandFailed
from deploy.local.place import PORT_OFFSETS, ROOT
from deploy.local.ports import PortTaken
from deploy.local.runtime import Local, OtherPort, PartFailed
from deploy.settings import EXIT_CODE, misspelt

PORT_MAX = 65_535 - max(PORT_OFFSETS.values())


def main() -> None:
    """Do what the one argument says; exit 1 with the reason when that is not possible, 2 when a setting is wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("do", choices=["up", "down", "status", "logs"])
    do = parser.parse_args().do
    if wrong := list(misspelt(os.environ)):
        print(*wrong, sep="\n", file=sys.stderr)
        sys.exit(EXIT_CODE)
    home = Path(os.environ.get("DIANDIAN_HOME", ROOT / ".local"))
    local = Local(
        home,
        _port(),
        host=os.environ.get("DIANDIAN_HOST", "127.0.0.1"),
        kafka=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", ""),
        mongodb=os.environ.get("MONGODB_URL", ""),
    )
    try:
        match do:
            case "up":
                local.up()
            case "down":
                local.down()
            case "status":
                _status(local)
            case "logs":
                _logs(local)
    except (CommandFailed, OtherPort, PartFailed, PortTaken) as refused:
        sys.exit(str(refused))
    except KeyboardInterrupt:
        sys.exit(130)


def _port() -> int:
    text = os.environ.get("DIANDIAN_PORT", "8080")
    if text.isascii() and text.isdigit() and 1 <= int(text) <= PORT_MAX:
        return int(text)
    return sys.exit(f"DIANDIAN_PORT is {text!r}: it must be a number from 1 to {PORT_MAX}")


def _status(local: Local) -> None:
    for part in local.status():
        state = "ready" if part.is_ready else "not ready" if part.pid else "down"
        print(f"{part.name:13} {part.port:6} {state:10} {f'pid {part.pid}' if part.pid else ''}".rstrip())


def _logs(local: Local) -> None:
    logs = sorted(local.place.folder("logs").glob("*.log"))
    if not logs:
        sys.exit("There are no logs yet: make up starts everything.")
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, logs)])  # noqa: S606 it becomes tail


if __name__ == "__main__":
    main()
