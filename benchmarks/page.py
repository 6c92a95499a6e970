"""Draws a run of the benchmarks as one page that needs nothing beside itself: a chart for each thing that was found."""

from __future__ import annotations

from pathlib import Path

import jinja2

from benchmarks.results import Durations, Found, Run, summary

FOLDER = Path(__file__).parent
WIDTH = 640
# Percentiles that a curve of durations is drawn through.
MARKS = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)


def draw(run: Run, file: Path) -> None:
    """Write the page beside the figures that it shows."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True)
    environment.filters["summary"] = summary
    page = environment.get_template("page.html").render(run=run, width=WIDTH, charts=[_chart(one) for one in run.found])
    file.write_text(page + "\n")


def _chart(found: Found) -> dict[str, object]:
    """Return bars as (label, median, rounds), or a curve as points, scaled to the width of the drawing."""
    if isinstance(found, Durations):
        longest = max(found.seconds + tuple(filter(None, found.aims.values())))
        across, up = WIDTH / longest, 160 / 100
        points = [(found.percentile(percent) * across, 170 - percent * up) for percent in MARKS]
        return {
            "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
            "marks": [
                (f"p{percent}", found.percentile(percent), found.percentile(percent) * across, aim, (aim or 0) * across)
                for percent, aim in found.aims.items()
            ],
        }
    rounds = {"ours": found.ours, found.peer_is: found.peer} if found.kind == "comparison" else found.rounds  # type: ignore[union-attr]
    most = max(rate for rates in rounds.values() for rate in rates)
    scale = WIDTH / most
    return {
        "bars": [
            (label, sorted(rates)[len(rates) // 2], sorted(rates)[len(rates) // 2] * scale, [r * scale for r in rates])
            for label, rates in rounds.items()
        ]
    }
