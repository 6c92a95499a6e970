"""What chance draws for a ledger: what orders want, listings, reports and cancellations."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.unit.registry.plain_ledger import GROVES, STOVES, TONNE

# What a poll asks: a verb (onward is to hold, then to post), one of few orders, so that repeats are many, grams, and
# how many listing versions ago the buyer looked.
WANTED = st.tuples(
    st.sampled_from(["onward", "onward", "onward", "hold", "post", "release"]),
    st.integers(0, 30),
    st.sampled_from([1, 200_000, 400_000, TONNE - 1, TONNE + 1, "all", "all and one gram"]),
    st.sampled_from([0, 0, 0, 0, 1]),
)
POLLS = st.lists(WANTED, min_size=1, max_size=10)
# What the registrar asks for; a version, a key and a report come again often.
LISTINGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["0042", "0042", "0042", "0043", "0044"]),
        "price": st.sampled_from([4800, 5200]),
        "status": st.sampled_from(["listed", "listed", "suspended", "delisted"]),
        "behind": st.sampled_from([0, 0, 0, 1]),
    }
)
REPORTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abcdefgh"),
        "tonnes": st.integers(1, 4),
        "vintage": st.sampled_from([2020, 2021, 2022]),
        "serial_start": st.sampled_from([None, None, None, 2, 9]),
        "external_serial": st.sampled_from([None, None, "X-1"]),
        "key": st.sampled_from([None, None, None, "a"]),
    }
)
CANCELLATIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"batch": st.integers(0, 3), "tonnes": st.integers(1, 2), "key": st.sampled_from(["1", "2", "3", "4"])}
)
PROJECTS = st.sampled_from([GROVES, GROVES, GROVES, STOVES])
REPLICAS = st.sampled_from(["one", "two"])
