"""Which characters a certificate can print, and who refuses a name with another one before anybody pays for it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.calculator.domain.scenes import Scene
from services.registry.domain.commands import ListingContent
from shared.contracts.printable import unprintable

SCENE = {
    "code": "FORUM26",
    "names": {"en": "Chengdu Green Finance Forum 2026 (demo)", "zh": "成都绿色金融论坛（示例）"},
    "kind": "conference",
    "country": "CN",
    "city": "CN-SC Chengdu",
    "place": "Century City",
    "host": "Chengdu Forum Office (demo)",
    "starts_on": "2026-11-26",
    "organiser_id": "org_forum",
}
LISTING = {
    "names": {"en": "Linpan groves (demo)", "hi": "लिनपान उपवन (डेमो)"},
    "standard": "CDCER",
    "type": "forest_management",
    "owner_id": "own_groves",
    "place": "CN510100",
    "code": "0042",
    "unit_price_fen": 4800,
}


@pytest.mark.parametrize(
    "name",
    [
        "Lin Yue",
        "林悦",
        "欧阳·娜娜",
        "䶮𬭸㛃",
        "क्षितिज श्रीवास्तव",
        "Đặng Thị Ngọc",
        "Łukasz Żółć",
        "Зоя",
        "Ελένη",
        "e\u0301",
    ],
)
def test_names_of_people_can_be_printed(name: str) -> None:
    assert unprintable(name) == ()


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("Lin 🌱 Yue 🌱", ("🌱",)),
        ("林𪚥悦", ("𪚥",)),
        ("🎉ab한", ("🎉", "한")),
        ("สม", ("ส", "ม")),
        ("ليلى", ("ل", "ي", "ى")),
        ("a\nb", ("\n",)),
        ("a\u202eb", ("\u202e",)),
        ("林\u0301", ("\u0301",)),
        ("\ud800", ("\ud800",)),
        ("", ()),
    ],
)
def test_s23_characters_that_cannot_be_printed_are_named(name: str, missing: tuple[str, ...]) -> None:
    assert unprintable(name) == missing


def test_every_character_of_gb_2312_can_be_printed() -> None:
    rows = ((lead, trail) for lead in range(0xB0, 0xF8) for trail in range(0xA1, 0xFF))
    hanzi = "".join(bytes(pair).decode("gb2312", errors="ignore") for pair in rows)
    assert len(hanzi) == 6_763
    assert unprintable(hanzi) == ()


def test_scenes_and_listings_with_printable_names_are_taken() -> None:
    assert Scene.model_validate(SCENE).names == SCENE["names"]
    assert ListingContent.model_validate(LISTING).names == LISTING["names"]


@pytest.mark.parametrize(
    ("model", "given", "change"),
    [
        (Scene, SCENE, {"names": {"en": "Forum", "zh": "论坛 🙂"}}),
        (Scene, SCENE, {"place": "Hall 🙂"}),
        (Scene, SCENE, {"host": "Forum Office 🙂"}),
        (ListingContent, LISTING, {"names": {"en": "Groves 🙂"}}),
    ],
)
def test_s23_what_a_certificate_cannot_print_is_refused_where_it_is_requested_naming_the_character(
    model: type[BaseModel], given: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate({**given, **change})
    (error,) = refused.value.errors()
    assert error["loc"][0] in change
    assert "🙂 (U+1F642)" in error["msg"]


@pytest.mark.parametrize(
    ("model", "given", "change"),
    [
        (Scene, SCENE, {"names": {"en": "长" * 201}}),
        (Scene, SCENE, {"names": {"en": " "}}),
        (Scene, SCENE, {"names": {"e" * 36: "Forum"}}),
        (Scene, SCENE, {"names": {f"x-{number}": "Forum" for number in range(11)}}),
        (Scene, SCENE, {"names": {}}),
        (ListingContent, LISTING, {"names": {"en": "长" * 201}}),
        (ListingContent, LISTING, {"names": {f"x-{number}": "Groves" for number in range(11)}}),
        (ListingContent, LISTING, {"summary": {"en": "长" * 501}}),
        (ListingContent, LISTING, {"summary": {f"x-{number}": "Trees" for number in range(11)}}),
    ],
)
def test_texts_that_would_make_an_event_too_large_to_publish_are_refused(
    model: type[BaseModel], given: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate({**given, **change})
    assert refused.value.errors()[0]["loc"][0] in change


def test_the_longest_texts_are_taken() -> None:
    names = {f"x-{number}": "长" * 200 for number in range(10)}
    summary = {f"x-{number}": "长" * 500 for number in range(10)}
    assert Scene.model_validate({**SCENE, "names": names}).names == names
    listing = ListingContent.model_validate({**LISTING, "names": names, "summary": summary})
    assert (listing.names, listing.summary) == (names, summary)
