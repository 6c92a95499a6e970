"""Where in a request something is wrong: whatever a model is made of, the pointer leads through what was sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.web.places import in_body, in_words, of_error, of_field
from shared.web.problems import FieldError
from tests.component.misplaced import leads


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cat(Strict):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9)]


class Dog(Strict):
    kind: Literal["dog"]
    friends: list[Pet] = []
    tail_cm: Annotated[int | None, Field(ge=1, validate_default=True)] = 0


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
Dog.model_rebuild()


class House(Strict):
    """A body with all that models are made of."""

    pets: list[Pet] = []
    names: dict[Annotated[str, Field(pattern="^[a-z]{2}$")], str] = {}
    rooms: int | list[int] | Cat = 1
    open_from: int = 1
    open_to: int = 2

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> House:
        if self.open_from > self.open_to:
            raise ValueError("it closes before it opens")
        return self


def pointers(body: Any) -> list[str]:
    try:
        House.model_validate(body)
    except ValidationError as wrong:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in wrong.errors()]
        return [of_error(error, body)["pointer"] for error in errors]
    return []


CAT = {"kind": "cat", "lives": 3}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"pets": [CAT, {"kind": "cat", "lives": 10}]}, ["/pets/1/lives"]),
        ({"pets": [{"kind": "cat"}]}, ["/pets/0/lives"]),
        ({"pets": [{"kind": "cow"}]}, ["/pets/0/kind"]),
        ({"pets": [{"lives": 1}]}, ["/pets/0/kind"]),
        ({"pets": [{**CAT, "cat": 1}]}, ["/pets/0/cat"]),
        ({"pets": [{"kind": "cat", "lives": 0, "cat": {"lives": 5}}]}, ["/pets/0/lives", "/pets/0/cat"]),
        ({"pets": [{"kind": "dog", "tail_cm": 3, "friends": [{"kind": "dog"}]}]}, ["/pets/0/friends/0/tail_cm"]),
        ({"pets": {"0": CAT}}, ["/pets"]),
        ({"pets": [3]}, ["/pets/0"]),
        ({"names": {"English": "x"}}, ["/names/English"]),
        ({"names": {"e/~": "x"}}, ["/names/e~1~0"]),
        ({"names": {"en": 1}}, ["/names/en"]),
        ({"rooms": "many"}, ["/rooms", "/rooms", "/rooms"]),
        ({"rooms": [1, "x"]}, ["/rooms", "/rooms/1", "/rooms"]),
        ({"open_from": 3}, [""]),
        ({"": 1}, ["/"]),
        ([], [""]),
        ("text", [""]),
    ],
)
def test_a_pointer_has_the_steps_of_the_body_and_no_others(body: Any, expected: list[str]) -> None:
    assert pointers(body) == expected


NAMES = st.sampled_from(
    ["pets", "names", "rooms", "kind", "lives", "friends", "tail_cm", "cat", "dog", "[key]", "en", "a/b~", "int"]
)
SCALARS = st.sampled_from(["cat", "dog", "x", 0, 5, 99, None, True, 1.5])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5))


@given(pets=st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=3), others=st.dictionaries(NAMES, VALUES))
def test_whatever_is_sent_each_pointer_leads_to_a_value_or_to_a_member_that_is_missing(
    pets: list[Any], others: dict[str, Any]
) -> None:
    body = {"pets": pets, **others}
    assert [pointer for pointer in pointers(body) if not leads(pointer, body)] == []


PARAMETERS = {"path": ["order_id"], "query": ["limit"], "header": ["If-Match"]}
BODY = {"name": "x", "answers": {"legs": [{"km": 1}]}, "beneficiary": {"kind": "company"}}


@pytest.mark.parametrize(
    ("field", "body", "place"),
    [
        ("order_id", BODY, {"in": "path", "name": "order_id"}),
        ("limit", None, {"in": "query", "name": "limit"}),
        ("If-Match", None, {"in": "header", "name": "If-Match"}),
        ("name", BODY, in_body("/name")),
        ("legs/0/km", BODY, in_body("/answers/legs/0/km")),
        ("legs/0/origin", BODY, in_body("/answers/legs/0/origin")),
        ("beneficiary/name", BODY, in_body("/beneficiary/name")),
        ("beneficiary/name", {}, in_body("/beneficiary")),
        ("organiser_id", BODY, None),
        ("name", None, in_body("/name")),
    ],
)
def test_the_field_of_a_refusal_is_found_where_it_was_sent(field: str, body: Any, place: dict[str, str] | None) -> None:
    assert of_field(field, body, parameters=PARAMETERS, members=("name", "beneficiary")) == place


@pytest.mark.parametrize("where", ["query", "path", "header", "cookie"])
def test_a_parameter_is_named_with_the_part_of_the_request_in_which_it_stands(where: str) -> None:
    error = {"type": "missing", "loc": (where, "X-Limit"), "msg": "Field required", "input": None}
    place = of_error(error, {"X-Limit": 1})
    assert place == {"in": where, "name": "X-Limit"}
    assert in_words([place]).endswith("X-Limit")
    assert FieldError.model_validate({**place, "detail": "Field required"}).where == where


def test_places_read_as_a_sentence_has_them() -> None:
    query, header = {"in": "query", "name": "limit"}, {"in": "header", "name": "If-Match"}
    assert in_words([in_body("")]) == "the body"
    assert in_words([in_body("/a/0"), query]) == "/a/0 and the query parameter limit"
    assert in_words([in_body("/a/0"), query, header]) == "/a/0, the query parameter limit and the header If-Match"
