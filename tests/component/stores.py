"""What `test_queries` knows of a store: how it is opened and filled, and how each of its queries is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Run = Callable[[Any], Awaitable[object]]


@dataclass(frozen=True)
class Stored:
    """A store and its queries.

    `open` returns the store on a database, with its indexes. `fill` adds documents of these numbers to every collection
    that grows, such as the store itself would write and no query below asks for: so each query finds the same among few
    and among many. `parts` are the classes whose public coroutines are the queries, by the attribute of the store that
    holds each ("" is the store itself). `queries` runs each, named `method` or `part.method`; one that needs several
    shapes may stand there again as `method: shape`. `left_out` names those that read no collection that grows, with the
    reason. Of `reads_on` the embedded server reads on behind the limit, in the order of an index, and MongoDB does not.
    """

    service: str
    open: Callable[[Any], Awaitable[Any]]
    fill: Callable[[Any, range], Awaitable[None]]
    parts: Mapping[str, type]
    queries: Mapping[str, Run]
    left_out: Mapping[str, str] = field(default_factory=dict)
    reads_on: Mapping[str, str] = field(default_factory=dict)
