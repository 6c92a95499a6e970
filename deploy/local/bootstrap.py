"""Makes the project's own Python, `.local/venv`, from requirements.lock; needs nothing but the standard library."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.requirements import without

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".local" / "venv"

TICK_SECONDS = 5

# The one package that nothing of ours runs on when a MongoDB is there.
EMBEDDED = "secantusdb"
VANISHED = (
    f"{EMBEDDED}, the MongoDB protocol server that is started here, is a pre-release and may have left the package"
    " index. Everything else runs without it: start a MongoDB 8 of your own and name it,\n"
    "  make up MONGODB_URL=mongodb://127.0.0.1:27017\n"
    "or start all in containers: docker compose up -d --build --wait"
)


class CommandFailed(Exception):
    """A program that was run for one step ended badly; says the last lines of its output."""

    code = "command_failed"


def make_venv(say: Callable[[str], None] = print) -> None:
    """Create or refresh the virtual environment unless it was made from this very lock.

    Where MONGODB_URL names a server that runs already, the embedded one is left out. Raises CommandFailed when the
    environment cannot be made or a package cannot be installed.
    """
    marker, whole = VENV / LOCK.name, LOCK.read_text()
    lock = without(whole, {EMBEDDED}) if os.environ.get("MONGODB_URL") else whole
    python = VENV / "bin" / "python"
    if not _runs(python):
        log = ROOT / ".local" / "logs" / "venv.log"
        command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        run_showing_progress(command, doing="make .local/venv", log=log, say=say)
    if marker.exists() and marker.read_text() in (lock, whole):
        return
    taken = marker.with_suffix(".taken")
    taken.write_text(lock)
    log = ROOT / ".local" / "logs" / "pip.log"
    try:
        run_showing_progress(
            [
                *(str(python), "-m", "pip", "install", "--require-hashes", "--requirement", str(taken)),
                *("--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
            ],
            doing="install what requirements.lock names",
            log=log,
            say=say,
        )
    except CommandFailed as failed:
        if EMBEDDED in last_lines(log, 5):
            raise CommandFailed(f"{failed}\n\n{VANISHED}") from None
        raise
    taken.rename(marker)


def run_showing_progress(
    command: list[str],
    *,
    doing: str,
    log: Path,
    say: Callable[[str], None],
    environment: dict[str, str] | None = None,
) -> None:
    """Run a command to its end, its output in `log`, and say every few seconds how long it has taken and where it is.

    `environment` is added to ours. Raises CommandFailed.
    """
    say(f"  … {doing}")
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            while (status := _wait(process)) is None:
                say(f"    {time.monotonic() - began:3.0f} s  {last_lines(log, 1)[:90]}")
        except BaseException:
            # Who stops us must not find it still at work when they come again.
            process.kill()
            raise
    if status:
        raise CommandFailed(f"Could not {doing}. The end of {log}:\n{last_lines(log, 20)}")
    say(f"  ✓ {doing}, {time.monotonic() - began:.1f} s")


def last_lines(log: Path, count: int) -> str:
    """Return the end of a log, empty when there is none."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else ""


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(TICK_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _runs(python: Path) -> bool:
    """An upgrade of the system's Python, or an end half-way, can leave an environment that does not start."""
    question = [str(python), "-c", "import pip"]
    return python.exists() and subprocess.run(question, check=False, capture_output=True).returncode == 0


if __name__ == "__main__":
    try:
        make_venv()
    except CommandFailed as failed:
        sys.exit(str(failed))
