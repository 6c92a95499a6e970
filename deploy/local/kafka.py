"""Apache Kafka without Docker: its jars by Maven, one formatted folder, one Java process in both roles."""

import base64
import os
import shutil
import uuid
from pathlib import Path
from string import Template

from deploy.local.bootstrap import run_showing_progress
from deploy.local.lock import locked
from deploy.local.place import ROOT, Place, Say

HERE = Path(__file__).parent
POM = HERE / "pom.xml"

# One cache for all copies that this checkout starts, wherever their homes are.
JARS = ROOT / ".local" / "kafka-jars"

# A short heap, a collector and a compiler for a quick start: 190 MB and 2 s.
JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def command(place: Place) -> list[str]:
    """Return the command of the broker that is its own controller."""
    return [*_java(), "kafka.Kafka", str(_properties(place))]


def prepare(place: Place, say: Say) -> None:
    """Fetch the jars, write the settings for this place's ports, format the folder if it is new.

    Raises CommandFailed when Maven or the formatting fails.
    """
    _fetch_jars(say)
    data = place.folder("kafka") / "data"
    if not data.exists():
        _format(place, data, say)
    _write_properties(place, data)


def _format(place: Place, data: Path, say: Say) -> None:
    """Make the folder under another name first, so that one that is there is whole."""
    partial = data.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    _write_properties(place, partial)
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    run_showing_progress(
        [
            *(*_java(), "kafka.tools.StorageTool", "format", "--standalone"),
            # With an equals sign, since an id may begin with a dash.
            *(f"--cluster-id={cluster_id}", "--config", str(_properties(place))),
        ],
        doing="format Kafka's folder",
        log=place.log("kafka-format"),
        say=say,
    )
    partial.rename(data)


def _write_properties(place: Place, data: Path) -> None:
    settings = Template((HERE / "kafka.properties").read_text()).substitute(
        broker=place.address_of("kafka"), controller=place.address_of("kafka controller"), data=data
    )
    _properties(place).write_text(settings)


def _fetch_jars(say: Say) -> None:
    """Fill the cache unless it was filled from this very pom."""
    with locked(JARS.with_suffix(".lock")):
        marker = JARS / POM.name
        if marker.exists() and marker.read_bytes() == POM.read_bytes():
            return
        partial = JARS.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        run_showing_progress(
            [
                *("mvn", "--batch-mode", "--no-transfer-progress", "--file", str(POM)),
                *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"),
            ],
            doing="fetch Kafka with Maven (44 MB, once)",
            log=JARS.with_suffix(".log"),
            say=say,
        )
        shutil.copy(POM, partial)
        shutil.rmtree(JARS, ignore_errors=True)
        partial.rename(JARS)


def _properties(place: Place) -> Path:
    return place.folder("kafka") / "kafka.properties"


def _java() -> list[str]:
    java_home = os.environ.get("JAVA_HOME")
    java = str(Path(java_home) / "bin" / "java") if java_home else "java"
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return [java, *JVM, logging, "-classpath", f"{JARS}/*"]
