"""Every no of orders has a code of its own and a status, and says which in its first line."""

from __future__ import annotations

import re
from collections.abc import Iterator

import services.orders.app
from services.orders import api
from shared.refusal import Refusal


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for refusal in kind.__subclasses__():
        if refusal.__module__.startswith("services.orders"):
            yield refusal
        yield from refusals(refusal)


def test_each_code_is_stable_named_once_and_has_the_status_of_its_class() -> None:
    assert services.orders.app.create_app
    coded = [refusal for refusal in refusals() if "code" in vars(refusal)]
    codes = [refusal.code for refusal in coded]
    assert len(codes) > 20
    assert len(set(codes)) == len(codes)
    for refusal in coded:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", refusal.code)
        status = next((api.STATUSES[kind] for kind in refusal.__mro__ if kind in api.STATUSES), None)
        assert status is not None, f"{refusal.__name__} has no line in STATUSES"
        assert f"({status})." in (refusal.__doc__ or ""), refusal.__name__
