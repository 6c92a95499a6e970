"""Names, aliases and erasure."""

from __future__ import annotations

import re

import pytest

from services.orders.domain.beneficiary import beneficiary as decisions
from services.orders.domain.beneficiary.alias import alias_of
from services.orders.domain.beneficiary.beneficiary import (
    CORRECTS_MAX,
    MANDATE_VERSION,
    Beneficiary,
    BeneficiaryErased,
    KindFixed,
    MandateOutdated,
    NameMissing,
    Naming,
    erased,
    named,
    ordering,
)
from services.orders.domain.beneficiary.beneficiary import make as make_beneficiary
from services.orders.domain.beneficiary.names import NameInvalid, NameUnprintable, checked_name
from shared.web.idempotency import id_of
from tests.unit.orders.examples import NOW, ORDER

BENEFICIARY = id_of("ben", "a")
# What Kafka takes of one message by default.
BROKER_BYTES_MAX = 1_048_588


def beneficiary(naming: Naming | None = None, mandate: str = MANDATE_VERSION) -> Beneficiary:
    return make_beneficiary(
        naming or Naming(),
        beneficiary_id=BENEFICIARY,
        profile_hash="4" * 64,
        request_hash="5" * 64,
        mandate_version=mandate,
        now=NOW,
    )


def test_an_alias_is_two_words_and_two_digits_and_follows_from_the_id() -> None:
    aliases = [alias_of(id_of("ben", str(number))) for number in range(2_000)]
    assert all(re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+ [1-9][0-9]", alias) for alias in aliases)
    assert aliases == [alias_of(id_of("ben", str(number))) for number in range(2_000)]
    assert len(set(aliases)) > 1_980, "few guests share one"


def test_without_a_name_the_alias_stands_on_the_certificate() -> None:
    made = beneficiary()
    assert (made.name, made.alias, made.board) == (alias_of(BENEFICIARY), alias_of(BENEFICIARY), "alias")


def test_a_name_is_for_the_certificate_and_boards_keep_the_alias() -> None:
    made = beneficiary(Naming(name="  Lin   Yue "))
    assert (made.name, made.board) == ("Lin Yue", "alias")


def test_a_company_has_its_name_everywhere() -> None:
    made = beneficiary(Naming(kind="company", name="Groves Ltd (demo)"))
    assert (made.kind, made.name, made.board) == ("company", "Groves Ltd (demo)", "named")
    with pytest.raises(NameMissing):
        beneficiary(Naming(kind="company"))


@pytest.mark.parametrize(
    "name", ["林月", "字" * 40, "a" * 80, "राष्ट्र", "O’Neill-Šťastný", "Groves №7", "\u0915\u094d\u200d\u0937"]
)
def test_names_of_all_scripts_are_taken(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "字" * 41,
        "a" * 81,
        "字" * 40 + "a",
        "a\nb",
        "a\tb",
        "a\x00",
        "a\u202eb",
        "\ud800",
        "...",
        "a\u2028b",
        "\u200d",
    ],
)
def test_names_that_cannot_be_written_are_refused_with_their_field(name: str) -> None:
    with pytest.raises(NameInvalid) as refusal:
        checked_name(name)
    assert refusal.value.field == "beneficiary/name"


@pytest.mark.parametrize(
    ("name", "characters"), [("Lin 🙂 🙂", ["🙂"]), ("김lin하", ["김", "하"]), ("林\u0301", ["\u0301"])]
)
def test_s23_a_name_that_the_certificate_cannot_print_is_refused_naming_the_characters(
    name: str, characters: list[str]
) -> None:
    with pytest.raises(NameUnprintable) as refusal:
        beneficiary(Naming(name=name))
    assert (refusal.value.field, refusal.value.facts) == ("beneficiary/name", {"characters": characters})
    assert f"U+{ord(characters[0]):04X}" in refusal.value.detail
    with pytest.raises(NameUnprintable) as refusal:
        decisions.renamed(beneficiary(), name=name, board=None)
    assert refusal.value.field == "name"


def test_a_name_has_one_form() -> None:
    assert checked_name("Ame\u0301lie") == "Am\u00e9lie"


def test_another_mandate_than_the_one_in_force_is_refused_and_the_right_one_named() -> None:
    with pytest.raises(MandateOutdated) as refusal:
        beneficiary(mandate="0")
    assert refusal.value.facts == {"mandate_version": MANDATE_VERSION}


def test_a_change_counts_up_what_is_published_and_no_change_does_not() -> None:
    made = beneficiary(Naming(name="Lin Yue"))
    assert decisions.renamed(made, name="Lin Yue", board=None) == made
    renamed = decisions.renamed(made, name="Lin Yun", board="named")
    assert (renamed.name, renamed.board, renamed.sequence) == ("Lin Yun", "named", 2)
    event = named(renamed, [ORDER])
    assert (event.name, event.board, event.corrects, event.erased) == ("Lin Yun", "named", (ORDER,), False)


def test_a_new_name_is_uncorrected_until_the_orders_that_follow_it_are_published() -> None:
    made = beneficiary(Naming(name="Lin Yue"))
    assert not made.uncorrected
    assert not decisions.renamed(made, name="Lin Yue", board="named").uncorrected
    renamed = decisions.renamed(made, name="Lin Yun", board=None)
    assert renamed.uncorrected
    assert decisions.renamed(renamed, name="Lin Yun", board="hidden").uncorrected
    corrected, events = decisions.corrected(renamed, [ORDER])
    assert (corrected.uncorrected, corrected.sequence) == (False, renamed.sequence + 1)
    assert [(event.name, event.corrects) for event in events] == [("Lin Yun", (ORDER,))]
    assert not erased(renamed).uncorrected


def test_a_name_that_corrects_ten_thousand_orders_is_published_in_messages_that_a_broker_takes() -> None:
    renamed = decisions.renamed(beneficiary(Naming(name="Lin Yue")), name="Lin Yun", board=None)
    orders = [id_of("ord", str(number)) for number in range(10_001)]
    corrected, events = decisions.corrected(renamed, orders)
    assert [len(event.corrects) for event in events] == [CORRECTS_MAX] * 20 + [1]
    assert [order_id for event in events for order_id in event.corrects] == orders
    assert corrected.sequence == renamed.sequence + len(events), "each of them counts"
    assert max(len(event.model_dump_json()) for event in events) < BROKER_BYTES_MAX / 20


def test_a_further_order_keeps_the_name_or_takes_the_one_wished_for() -> None:
    made = beneficiary(Naming(name="Lin Yue"))
    assert ordering(made, None) == made
    assert ordering(made, Naming(name="Lin Yue")) == made
    assert ordering(made, Naming()).name == made.alias
    with pytest.raises(KindFixed):
        ordering(made, Naming(kind="company", name="Lin Ltd (demo)"))


def test_an_erased_beneficiary_has_no_name_takes_no_order_and_no_name_and_stays_so() -> None:
    made = beneficiary(Naming(name="Lin Yue"))
    gone = erased(made)
    event = named(gone)
    assert (event.name, event.alias, event.profile_hash, event.board, event.erased) == (
        None,
        None,
        None,
        "hidden",
        True,
    )
    assert erased(gone) == gone
    with pytest.raises(BeneficiaryErased):
        ordering(gone, None)
    with pytest.raises(BeneficiaryErased):
        decisions.renamed(gone, name="Lin Yue", board=None)
