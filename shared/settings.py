"""What a service reads from its environment, checked as a whole; it never knows on which kind of machine it runs.

Names begin with DIANDIAN_, so that a misspelt one is seen; the addresses of Kafka and MongoDB bear the names that are
usual everywhere.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

PREFIX = "DIANDIAN_"
WITHOUT_PREFIX = frozenset({"kafka_bootstrap_servers", "mongodb_url"})
EXIT_CODE = 2
CONCERNS = {"w": "majority", "journal": "true", "readConcernLevel": "majority"}
_HOST_PORT = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")

Kind = TypeVar("Kind", bound="Settings")


def _servers(text: str) -> str:
    for server in text.split(","):
        found = _HOST_PORT.fullmatch(server)
        if found is None or not 1 <= int(found[1]) <= 65_535:
            raise ValueError(f"{server!r} is not host:port")
    return text


def _mongodb(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("mongodb", "mongodb+srv") or not url.netloc:
        raise ValueError("it is not an address of MongoDB")
    if len(url.path) < 2:
        raise ValueError("it names no database")
    options = {name.lower(): values[-1].lower() for name, values in parse_qs(url.query).items()}
    if lacks := [f"{name}={value}" for name, value in CONCERNS.items() if options.get(name.lower()) != value]:
        raise ValueError(f"without {' and '.join(lacks)} a crash could lose what was acknowledged")
    return text


def _address(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("it is not an address of http or https")
    if url.username is not None or url.fragment or _port(url) == 0:
        raise ValueError("it has a user, a fragment or an impossible port")
    return text


def _port(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError:
        return 0


def _origin(text: str) -> str:
    url = urlsplit(_address(text))
    if url.path or url.query or "?" in text:
        raise ValueError("it has more than scheme, host and port")
    return text


Servers = Annotated[str, AfterValidator(_servers)]
Address = Annotated[str, AfterValidator(_address)]
Origin = Annotated[str, AfterValidator(_origin)]


class Settings(BaseModel):
    """Settings of one replica of one service; a description says what to write there."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kafka_bootstrap_servers: Servers = Field(description="host:port of each broker, comma between them")
    mongodb_url: Annotated[str, AfterValidator(_mongodb)] = Field(
        repr=False,
        description="mongodb://…/<database>?w=majority&journal=true&readConcernLevel=majority",
    )
    # The key of every capability that this service hands out; one per service, the same for its replicas.
    secret: SecretStr = Field(min_length=32, description="at least 32 random characters, the same at every start")
    # Names this replica in its consumer group and in leases: the same after a restart, never twice at once.
    replica: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="1 to 100 letters, digits, dots, dashes and underscores, as orders-1",
    )
    public_url: Origin = Field("http://127.0.0.1:8080", description="http(s)://host or http(s)://host:port, no more")
    issuer: Address = Field("http://127.0.0.1:8080", description="an http(s) address")
    jwks_url: Address = Field("http://127.0.0.1:8080/.well-known/jwks.json", description="an http(s) address")
    livemode: bool = Field(default=False, description="true or false")


def name_of(field: str) -> str:
    """Return the environment variable of a setting."""
    return field.upper() if field in WITHOUT_PREFIX else PREFIX + field.upper()


def load(kind: type[Kind], environment: Mapping[str, str] = os.environ) -> Kind:
    """Return the settings that an environment holds; one that is empty counts as not there.

    When any is wrong, say so on the error output, all at once and in one line each, and end the process with 2: a
    start with the same settings would fail again.
    """
    names = {name_of(field): field for field in kind.model_fields}
    given = {field: environment[name] for name, field in names.items() if environment.get(name)}
    wrong = list(_unread(names, environment))
    try:
        settings = kind.model_validate(given)
    except ValidationError as refused:
        wrong += [_line(kind, error) for error in refused.errors(include_url=False)]
    if wrong:
        sys.stderr.writelines(f"wrong setting: {line}\n" for line in wrong)
        sys.exit(EXIT_CODE)
    return settings


def _unread(names: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each variable that is meant for us, by its name, and that nothing reads."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in names:
            near = difflib.get_close_matches(name, names, 1)
            yield f"{name}: there is no such setting; " + (f"write {near[0]}" if near else "take it out")
        elif PREFIX + name in names and not environment.get(PREFIX + name):
            yield f"{name}: it is not read; write {PREFIX}{name}"


def _line(kind: type[Settings], error: ErrorDetails) -> str:
    field = str(error["loc"][0])
    about, what = kind.model_fields[field], error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        what = "it is missing"
    elif about.annotation is not SecretStr and about.repr:
        what = f"{str(error['input'])[:60]!r}: {what}"
    return f"{name_of(field)}: {what[0].lower()}{what[1:]}; write {about.description}"
