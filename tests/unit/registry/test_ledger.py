"""The ledger decides as domain.md says: every cell of the table of answers, and the invariants under any sequence."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry.domain.commands import ChangeListing, Command
from services.registry.domain.ledger import page_hash
from services.registry.domain.recount import Recount
from shared.contracts.registry import CreditsHeld, CreditsRefused, CreditsRetired
from shared.web.idempotency import id_of
from tests.unit.registry.chain import BECAUSE, CONTENT, PROJECT, Chain, hold, order, post, release, state_of

STATES: dict[str, list[Command]] = {
    "nothing": [],
    "held": [hold("o")],
    "refused": [hold("o", grams=10**12)],
    "burned": [post("o")],
    "released": [hold("o"), release("o")],
    "released without a hold": [release("o")],
    "posted": [hold("o"), post("o")],
}
# What each command adds in each state: kind of the event, and reason; none where there is no event, "-" where no entry.
# Then the state after it, as `state_of` names it.
TABLE: dict[tuple[str, str], tuple[object, str]] = {
    ("nothing", "hold"): (("held", None), "held"),
    ("nothing", "post"): (("post", "hold_not_found"), "burned"),
    ("nothing", "release"): (None, "released"),
    ("held", "hold"): ("-", "held"),
    ("held", "post"): (("retired", None), "posted"),
    ("held", "release"): (None, "released"),
    ("refused", "hold"): ("-", "refused"),
    ("refused", "post"): (("post", "hold_not_found"), "refused, and so its payment"),
    ("refused", "release"): ("-", "refused"),
    ("burned", "hold"): ("-", "burned"),
    ("burned", "post"): ("-", "burned"),
    ("burned", "release"): ("-", "burned"),
    ("released", "hold"): ("-", "released"),
    ("released", "post"): (("post", "hold_released"), "released, and so its payment"),
    ("released", "release"): ("-", "released"),
    ("released without a hold", "hold"): (("hold", "closed"), "released"),
    ("released without a hold", "post"): (("post", "hold_released"), "released, and so its payment"),
    ("released without a hold", "release"): ("-", "released"),
    ("posted", "hold"): ("-", "posted"),
    ("posted", "post"): ("-", "posted"),
    ("posted", "release"): ("-", "posted"),
}
GRAMS_AFTER = {"held": (1_000, 0), "posted": (0, 1_000)}


@pytest.mark.parametrize(("state", "command"), list(TABLE), ids=map(" + ".join, TABLE))
@pytest.mark.parametrize("in_one_poll", [False, True], ids=["one by one", "in one poll"])
def test_each_cell_of_the_table_of_answers_and_a_repeat_adds_nothing(
    state: str, command: str, in_one_poll: bool
) -> None:
    chain = Chain().list_and_issue(3)
    before = len(chain.published) + len(
        [event for event in _run(STATES[state]).published if event.subject == order("o")]
    )
    wanted = {"hold": hold("o"), "post": post("o"), "release": release("o")}[command]
    expected, after = TABLE[state, command]
    if in_one_poll:
        chain.poll(*STATES[state], wanted, wanted)
    else:
        for earlier in STATES[state]:
            chain.poll(earlier)
        page = chain.poll(wanted)
        assert (page is None) == (expected == "-")
        assert chain.poll(wanted) is None
    new = chain.published[before:]
    if isinstance(expected, tuple):
        (event,) = new
        assert (_kind(event.data), getattr(event.data, "reason", None)) == expected
    else:
        assert new == []
    assert state_of(chain, "o") == after
    (batch,) = chain.proof().batches
    assert (batch.held, batch.allocated) == GRAMS_AFTER.get(after, (0, 0))
    assert chain.proof().wrong is None
    mine = [event.sequence for event in chain.published if event.subject == order("o")]
    assert mine == list(range(1, len(mine) + 1))
    # Whatever comes now, again and in any order, each question has its first answer.
    answered = len([event for event in chain.published if event.subject == order("o")])
    for _ in range(2):
        chain.poll(hold("o"), post("o"), release("o"), post("o"), hold("o"))
        answers = [event.data for event in chain.published if event.subject == order("o")]
        assert answers[:answered] == [event.data for event in chain.published if event.subject == order("o")][:answered]
        phases = [_kind(event) for event in answers]
        assert len(phases) == len(set(phases)), "one answer to each question"


def _run(commands: Iterable[Command]) -> Chain:
    chain = Chain().list_and_issue(3)
    for command in commands:
        chain.poll(command)
    return chain


def _kind(event: object) -> str:
    if isinstance(event, CreditsRefused):
        return event.phase
    return {CreditsHeld: "held", CreditsRetired: "retired"}[type(event)]  # type: ignore[index]


def test_a_late_refusal_is_published_once_and_only_once() -> None:
    chain = Chain().list_and_issue(1)
    for command in (release("o"), hold("o"), hold("o"), post("o"), post("o")):
        chain.poll(command)
    assert [(event.data.phase, event.data.reason) for event in chain.published if event.subject == order("o")] == [
        ("hold", "closed"),
        ("post", "hold_released"),
    ]


def test_s4_a_range_across_two_tonnes_names_both_serials() -> None:
    chain = Chain().list_and_issue(3)
    for number, grams in enumerate((200_000, 200_000, 200_000, 200_000, 150_000, 90_000)):
        chain.poll(hold(number, grams))
        chain.poll(post(number))
    (part,) = chain.published[-3].data.allocations
    (batch,) = chain.proof().batches
    assert (part.from_gram, part.to_gram) == (800_000, 950_000)
    (part,) = chain.published[-1].data.allocations
    assert (part.from_gram, part.to_gram, part.first_serial, part.last_serial) == (
        950_000,
        1_040_000,
        "CDCER-CN510100-0042-2021-01-1",
        "CDCER-CN510100-0042-2021-01-2",
    )
    assert (batch.retired_tonnes, batch.unclaimed_grams) == (2, 960_000)


def test_oldest_vintage_is_taken_first_and_a_hold_may_span_batches() -> None:
    chain = Chain().list_and_issue()
    chain.issue(report="new", tonnes=1, vintage=2023)
    chain.issue(report="old", tonnes=1, vintage=2021)
    chain.poll(hold("o", 1_500_000))
    chain.poll(post("o"))
    assert [(part.batch_id, part.to_gram) for part in chain.published[-1].data.allocations] == [
        (id_of("bat", "old"), 1_000_000),
        (id_of("bat", "new"), 500_000),
    ]


def test_an_order_over_more_than_twenty_batches_is_refused() -> None:
    chain = Chain().list_and_issue(*[1] * 21)
    chain.poll(hold("all", 21_000_000))
    chain.poll(hold("most", 20_000_000))
    assert [getattr(event.data, "reason", "held") for event in chain.published[-2:]] == ["too_many_batches", "held"]


def test_s6_a_suspended_project_refuses_new_holds_and_still_posts_old_ones() -> None:
    chain = Chain().list_and_issue(1)
    chain.poll(hold("before"))
    suspended = CONTENT.model_copy(update={"status": "suspended"})
    chain.poll(ChangeListing(content=suspended, seen=1, cause=BECAUSE))
    chain.poll(hold("after", version=2), post("before"))
    assert {_kind(event.data) for event in chain.published[-2:]} == {"hold", "retired"}
    assert chain.published[-2].data.reason == "project_suspended"


def test_c7_the_same_polls_on_the_same_days_give_the_same_bytes() -> None:
    first, second = (_run([hold(1), hold(2), post(1), release(2)]) for _ in range(2))
    assert [page.model_dump_json() for page in first.pages] == [page.model_dump_json() for page in second.pages]


def test_s7_an_edit_of_any_stored_byte_is_named_with_its_page() -> None:
    chain = _run([hold(1), post(1), hold(2)])
    for number in range(len(chain.pages)):
        pages = [page.model_dump(mode="json") for page in chain.pages]
        pages[number]["day"] = "2026-11-25"
        recount = Recount(PROJECT)
        taken = [recount.take(page) for page in pages]
        wrong = recount.proof().wrong
        assert taken.index(False) == number
        assert wrong is not None
        assert wrong.sequence == number + 1


def test_a_rewritten_page_with_a_fitting_hash_is_named_at_the_next_page_or_by_its_figures() -> None:
    chain = _run([hold(1), post(1), hold(2)])
    pages = [page.model_dump(mode="json") for page in chain.pages]
    target = pages[3]
    target["batches"][0]["allocated"] -= 1
    target["batches"][0]["available"] += 1
    target["hash"] = page_hash(target)
    recount = Recount(PROJECT)
    for page in pages:
        recount.take(page)
    wrong = recount.proof().wrong
    assert wrong is not None
    assert wrong.sequence == 4


_COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["hold", "post", "release"]),
        st.integers(0, 6),
        st.integers(1, 1_500_000),
    ),
    max_size=40,
)


@given(commands=_COMMANDS, cuts=st.lists(st.integers(1, 5), min_size=1, max_size=40))
@settings(max_examples=150, deadline=None)
def test_c1_to_c6_hold_after_any_sequence_in_any_polls(commands: list[tuple[str, int, int]], cuts: list[int]) -> None:
    chain = Chain().list_and_issue(1, 2)
    remaining: list[Command] = [
        hold(name, grams) if kind == "hold" else post(name) if kind == "post" else release(name)
        for kind, name, grams in commands
    ]
    for size in cuts:
        if remaining:
            chain.poll(*remaining[:size])
            remaining = remaining[size:]
    proof = chain.proof()
    assert proof.wrong is None
    assert proof.pages == len(chain.pages)
    for batch in proof.batches:
        assert batch.available + batch.held + batch.allocated + batch.cancelled == batch.issued
        assert batch.retired_tonnes * 1_000_000 >= batch.allocated
    for name in {name for _, name, _ in commands}:
        mine = [event.sequence for event in chain.published if event.subject == order(name)]
        assert mine == list(range(1, len(mine) + 1))
