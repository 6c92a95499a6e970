"""Which open holds a replica keeps in memory, and what it must look up all the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry.domain.commands import Hold
from services.registry.domain.decide import next_page
from services.registry.domain.open_holds import OpenHolds
from tests.unit.registry.chain import PROJECT, Chain, hold, order, post, release

COMMANDS = st.lists(
    st.lists(st.tuples(st.sampled_from([hold, post, release]), st.integers(0, 30)), min_size=1, max_size=12),
    max_size=15,
)


def followed(chain: Chain, *, since: int = 0) -> OpenHolds:
    open_holds = OpenHolds(chain.pages[since - 1] if since else None)
    for page in chain.pages[since:]:
        open_holds.advance(page)
    return open_holds


def still_open(chain: Chain) -> set[str]:
    keys = chain.known()
    return {
        found.entry.order_id or ""
        for key, found in keys.items()
        if found.entry.kind == "hold" and key.replace("hold:", "end:") not in keys
    }


@given(COMMANDS)
@settings(max_examples=60, deadline=None)
def test_what_is_kept_is_exactly_the_open_holds_however_many_have_ended(polls: list[list[tuple[object, int]]]) -> None:
    chain = Chain().list_and_issue(3)
    for poll in polls:
        chain.poll(*(make(name) for make, name in poll))  # type: ignore[operator]
    open_holds = followed(chain)
    assert set(open_holds.holds) == still_open(chain)
    assert open_holds.last is not None
    assert (open_holds.last.sequence, open_holds.last.entries) == (len(chain.pages), ())


def test_ten_thousand_orders_that_ended_leave_as_much_behind_as_none() -> None:
    chain = Chain().list_and_issue(3000)
    open_holds = followed(chain)
    for first in range(0, 10_000, 500):
        names = range(first, first + 500)
        for commands in ([hold(name) for name in names], [post(name) for name in names]):
            page = next_page(PROJECT, open_holds.last, open_holds.entries(commands), commands, day="2026-11-24")
            assert page is not None
            open_holds.advance(page)
            assert len(open_holds.holds) == (500 if isinstance(commands[0], Hold) else 0)


def test_a_page_that_is_not_the_next_changes_nothing() -> None:
    chain = Chain().list_and_issue(3)
    chain.poll(hold("o"))
    open_holds = followed(chain)
    chain.poll(release("o"))
    chain.poll(hold("p"))
    for page in (chain.pages[-1], chain.pages[-3], chain.pages[0]):
        open_holds.advance(page)
    assert set(open_holds.holds) == {order("o")}
    open_holds.advance(chain.pages[-2])
    assert open_holds.holds == {}


def test_of_an_open_hold_nothing_is_looked_up_of_a_new_order_its_end_and_of_others_all() -> None:
    chain = Chain().list_and_issue(3)
    chain.poll(hold("mine"))
    open_holds = followed(chain, since=2)
    o = order("new")
    every = {f"hold:{o}", f"end:{o}", f"postrefused:{o}"}
    assert open_holds.keys_to_look_up(PROJECT, [hold("mine"), post("mine"), release("mine")], {}) == set()
    assert open_holds.keys_to_look_up(PROJECT, [hold("new")], {}) == {f"end:{o}"}
    assert open_holds.keys_to_look_up(PROJECT, [post("new")], {}) == every
    # It was closed before it was placed, so whether it was answered must be looked up.
    chain.poll(release("new"))
    known = {key: found for key, found in chain.known().items() if key == f"end:{o}"}
    assert open_holds.keys_to_look_up(PROJECT, [hold("new")], known) == every
    # After a lost race, or a repeat, one begins with all.
    assert OpenHolds(open_holds.last).keys_to_look_up(PROJECT, [hold("new"), hold("mine")], {}) > every
