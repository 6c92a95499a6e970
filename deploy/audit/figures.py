"""The figures of scenes: what each scene shows of its guests, summed again from the footprints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from deploy.audit.books import Books
from deploy.audit.findings import Finding, finding
from shared.mongodb import Document

NAMES = ("guests", "counted_grams", "neutralised_grams")


def check_figures(books: Books) -> Iterator[Finding]:
    """Yield what is wrong with the figures, but for scenes of which something is still to be counted."""
    chains: dict[str, dict[str, list[Document]]] = defaultdict(lambda: defaultdict(list))
    lagging = {one["_id"] for one in books.of("calculator", "figures") if one["pending"]}
    for one in books.of("calculator", "footprints"):
        if one["scene_id"] and one["role"] == "guest":
            chains[one["scene_id"]][one["root"]].append(one)
            lagging |= {one["scene_id"]} if one["uncounted"] else set()
    shown = {one["_id"]: tuple(one[name] for name in NAMES) for one in books.of("calculator", "figures")}
    summed = {scene_id: _sum(of_scene.values()) for scene_id, of_scene in chains.items()}
    yield finding(
        "figures",
        [
            f"{scene_id} shows {shown.get(scene_id)}, its footprints give {summed.get(scene_id)}"
            for scene_id in sorted((summed.keys() | shown.keys()) - lagging)
            if shown.get(scene_id) != summed.get(scene_id)
        ],
        f"{len(shown)} scenes show the sums of their footprints",
    )


def _sum(chains: Iterable[list[Document]]) -> tuple[int, int, int]:
    """Add up of each chain the footprint that a certificate covers, else the one that nobody replaced."""
    guests = counted = neutralised = 0
    for chain in chains:
        replaced = {one["replaces"] for one in chain}
        covered = [one for one in chain if one["certificates"]]
        last = [one for one in covered or chain if one["_id"] not in replaced] or covered
        guests, counted = guests + 1, counted + last[0]["grams"]
        neutralised += last[0]["grams"] if covered else 0
    return guests, counted, neutralised
