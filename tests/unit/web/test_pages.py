"""How pages write figures and times, and that each template lists exactly the context that it reads."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError, meta, nodes

from shared.web import pages
from shared.web.pages import STYLESHEET, Axis, Pages, kilogram_column, likely, mass, period

ROOT = STYLESHEET.parents[2]
SERVICES = ("calculator", "registry", "orders", "certificates", "ranking")
TEMPLATES = sorted(
    [("orders", path) for path in STYLESHEET.parent.glob("*.html")]
    + [(service, path) for service in SERVICES for path in (ROOT / "services" / service / "pages").glob("*.html")]
)


def of(service: str, *, livemode: bool = False) -> Pages:
    return Pages(ROOT / "services" / service / "pages", service=service, livemode=livemode)


@pytest.mark.parametrize(
    ("grams", "written"),
    [
        (0, "0 g"),
        (1, "1 g"),
        (999, "999 g"),
        (1_000, "1.0 kg"),
        (9_960, "10 kg"),
        (533_014, "533 kg"),
        (999_600, "1.00 t"),
        (1_234_567, "1.23 t"),
        (12_345_678_901, "12,345.68 t"),
    ],
)
def test_s14_a_board_and_a_headline_round(grams: int, written: str) -> None:
    assert mass(grams) == written


@pytest.mark.parametrize(
    ("grams", "written"),
    [(999, "999 g"), (533_014, "533.014 kg"), (500_000, "500.000 kg"), (1_234_567, "1.234567 t")],
)
def test_s14_a_certificate_writes_every_gram(grams: int, written: str) -> None:
    assert pages.exact(grams) == written


@given(st.integers(min_value=1, max_value=10**15))
def test_s14_a_positive_mass_is_never_written_as_nothing(grams: int) -> None:
    assert any(digit in "123456789" for digit in mass(grams))
    assert any(digit in "123456789" for digit in pages.exact(grams))


def test_money_is_written_with_two_decimals_and_a_true_minus() -> None:
    assert pages.money(2759, "CNY") == "27.59 CNY"
    assert pages.amount(-2759) == "\N{MINUS SIGN}27.59"
    assert pages.amount(123_456_789) == "1,234,567.89"


def test_a_likely_range_has_two_digits_and_one_unit() -> None:
    assert likely(389_100, 676_928) == "390 and 680 kg"
    assert likely(950_000, 1_310_000) == "0.95 and 1.3 t"
    assert likely(0, 996_000) == "0 and 1,000 kg"


def test_the_axis_of_a_range_ends_at_a_round_figure() -> None:
    axis = Axis.of(389_100, 533_014, 676_928)
    assert axis.figures == ("390", "533", "680", "800")
    assert (str(axis.low), str(axis.middle), str(axis.high), axis.ends_apart) == ("48.6", "66.6", "84.6", True)
    assert not Axis.of(520_000, 533_014, 546_000).ends_apart


def test_the_column_of_the_worked_example_visibly_adds_up() -> None:
    column, total = kilogram_column([230_069, 69_593, 159_083, 61_686, 11_720, 863])
    assert column == ["230.07", "69.59", "159.08", "61.69", "11.72", "0.86"]
    assert total == "533.01"


def test_times_are_those_of_china() -> None:
    late = datetime(2026, 11, 25, 16, 2, 10, tzinfo=UTC)
    assert pages.moment(late) == "26 November 2026, 00:02"
    assert pages.second(late) == "00:02:10"
    assert pages.day(late - timedelta(minutes=3)) == "25 November 2026"


def test_a_period_names_each_month_and_year_once() -> None:
    assert period(date(2026, 11, 26), date(2026, 11, 27)) == "26 to 27 November 2026"
    assert period(date(2026, 11, 26), date(2026, 12, 2)) == "26 November to 2 December 2026"
    assert period(date(2026, 12, 26), date(2027, 1, 3)) == "26 December 2026 to 3 January 2027"
    assert period(date(2021, 9, 7), date(2021, 9, 7)) == "7 September 2021"
    assert period(date(2026, 1, 1), None) == "since 1 January 2026"


@pytest.mark.parametrize(("service", "path"), TEMPLATES, ids=lambda value: getattr(value, "name", value))
def test_a_template_lists_exactly_the_context_that_it_reads(service: str, path: Path) -> None:
    templates = of(service).templates
    source = path.read_text()
    head = re.match(r"\{#(.*?)#\}", source, re.DOTALL)
    assert head is not None
    lines = re.findall(r"^   ([a-z_][a-z_, ]*):", head[1], re.MULTILINE)
    listed = {name.strip() for line in lines for name in line.split(",")}
    tree = templates.parse(source)
    assert listed == meta.find_undeclared_variables(tree) - set(templates.globals) - set(own_names(tree))


def own_names(tree: nodes.Template) -> Iterator[str]:
    """Yield what a template imports, defines or sets: its blocks see these as they see a context."""
    for node in tree.find_all((nodes.FromImport, nodes.Macro, nodes.Assign, nodes.AssignBlock)):
        if isinstance(node, nodes.FromImport):
            yield from (name if isinstance(name, str) else name[1] for name in node.names)
        elif isinstance(node, nodes.Macro):
            yield node.name
        else:
            yield from (name.name for name in node.find_all(nodes.Name) if name.ctx == "store")


@pytest.mark.parametrize(("service", "path"), TEMPLATES, ids=lambda value: getattr(value, "name", value))
def test_a_template_runs_no_script_and_carries_no_style_of_its_own(service: str, path: Path) -> None:
    assert re.findall(r"<script|<style| style=| on[a-z]+=|javascript:", path.read_text()) == [], service


def failure(livemode: bool, **changed: object) -> str:
    told: dict[str, object] = {"status": 404, "title": "There is nothing here", "detail": "", "errors": []}
    return of("orders", livemode=livemode).render("error.html", **{**told, "request_id": "req_1", **changed})


def test_what_came_from_outside_is_escaped() -> None:
    assert "<b>" not in failure(False, detail="<b>bold</b>").replace("<b>1 dot", "")


def test_a_demo_says_so_and_a_live_deployment_does_not() -> None:
    assert "no real money" in failure(False)
    assert "no real money" not in failure(True)


def test_a_context_that_lacks_a_name_fails() -> None:
    with pytest.raises(UndefinedError, match="request_id"):
        of("orders").render("error.html", status=404, title="", detail="", errors=[])
