"""Where in a request something is wrong: a JSON Pointer into the body as it was sent, or the name of a parameter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

Step = str | int
Place = dict[str, str]
# How Pydantic marks that the name of a member is meant, not its value.
_OF_A_NAME = "[key]"


def in_body(pointer: str) -> Place:
    """Return the place of a JSON Pointer (RFC 6901)."""
    return {"in": "body", "pointer": pointer}


def of_error(error: Mapping[str, Any], body: Any) -> Place:
    """Return the place of one of FastAPI's validation errors about a request with this body."""
    where, *steps = error["loc"]
    if where != "body":
        return {"in": where, "name": str(steps[0])}
    # Of a body that is no JSON the step is the number of a byte.
    return in_body(_pointer([] if error["type"] == "json_invalid" else _steps_in(body, error, steps)))


def of_field(
    field: str, body: Any, *, parameters: Mapping[str, Collection[str]], members: Collection[str]
) -> Place | None:
    """Return the place of what the domain calls a field, as `beneficiary/name`; none when the request has none.

    `parameters` are those of the route by where they stand, `members` what its body may have at its top.
    """
    for where, names in parameters.items():
        if field in names:
            return {"in": where, "name": field}
    steps: list[Step] = [int(step) if step.isdecimal() else step for step in field.split("/")]
    # The domain names what it was given, which may be a part of the body.
    parts = [("", body), *body.items()] if isinstance(body, dict) else []
    for name, part in parts:
        if isinstance(part, dict) and steps[0] in part:
            return in_body(_pointer([*([name] if part is not body else []), *_as_far_as_there(part, steps)]))
    return in_body(_pointer(steps[:1])) if steps[0] in members else None


def in_words(places: Sequence[Mapping[str, str]]) -> str:
    """Return the places as a sentence has them: `/mass_g, the query parameter limit and the header If-Match`."""
    names = [_in_words(place) for place in places]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _in_words(place: Mapping[str, str]) -> str:
    match place["in"]:
        case "body":
            return place["pointer"] or "the body"
        case "header":
            return f"the header {place['name']}"
        case where:
            return f"the {where} parameter {place['name']}"


def _steps_in(body: Any, error: Mapping[str, Any], steps: list[Step]) -> list[Step]:
    """Return the steps of an error that lead through the body.

    Pydantic puts what it chose, as the tag of a union, between those of the body.
    """
    kind, last = error["type"], []
    if kind == "missing" and steps:
        last = [steps.pop()]
    elif kind in {"union_tag_invalid", "union_tag_not_found"} and (named := error["ctx"]["discriminator"])[0] == "'":
        last = [named.strip("'")]
    ways = sorted(_ways(body, steps), key=lambda way: -len(way[0]))
    for way, value in ways:
        if value is error.get("input") or value == error.get("input"):
            return [*way, *last]
    # What is wrong is not in the body: a default, or the name of a member.
    way, value = ways[0]
    absent = not last and isinstance(value, dict) and [step for step in steps[-1:] if step not in (*way, _OF_A_NAME)]
    return [*way, *last, *(absent or ())]


def _ways(value: Any, steps: Sequence[Step]) -> Iterator[tuple[list[Step], Any]]:
    """Yield each way through a value that some of the steps lead, in their order, and where it ends."""
    if not steps:
        yield [], value
        return
    step, rest = steps[0], steps[1:]
    if _has(value, step):
        for way, end in _ways(value[step], rest):
            yield [step, *way], end
    yield from _ways(value, rest)


def _as_far_as_there(value: Any, steps: Sequence[Step]) -> list[Step]:
    """Return the steps up to the first that the value lacks, with that one."""
    for place, step in enumerate(steps):
        if not _has(value, step):
            return list(steps[: place + 1])
        value = value[step]
    return list(steps)


def _has(value: Any, step: Step) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def _pointer(steps: Sequence[Step]) -> str:
    return "".join("/" + escaped(str(step)) for step in steps)


def escaped(name: str) -> str:
    """Return a name as a step of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
