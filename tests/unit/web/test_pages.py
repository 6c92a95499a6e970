"""That each template lists exactly the context that it reads, and speaks the language that the request asks for."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import UndefinedError, meta, nodes

from shared.web.pages import SHARED, Pages

ROOT = SHARED.parents[1]
SERVICES = ("calculator", "registry", "orders", "certificates", "ranking")
TEMPLATES = sorted(
    [("orders", path) for path in SHARED.glob("*.html")]
    + [(service, path) for service in SERVICES for path in (ROOT / "services" / service / "pages").glob("*.html")]
)


def of(service: str, *, livemode: bool = False) -> Pages:
    return Pages(ROOT / "services" / service / "pages", service=service, livemode=livemode)


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
def test_a_template_carries_no_style_and_no_script_of_its_own(service: str, path: Path) -> None:
    shared = r'<script type="module" src="\{\{ static\["[a-z]+\.js"\] \}\}"></script>'
    source = re.sub(shared, "", path.read_text())
    assert re.findall(r"<script|<style| style=| on[a-z]+=|javascript:", source) == [], service


def failure(livemode: bool, **changed: object) -> str:
    context: dict[str, object] = {"status": 404, "title": "There is nothing here", "detail": "", "errors": []}
    return of("orders", livemode=livemode).render("error.html", **{**context, "request_id": "req_1", **changed})


def test_what_came_from_outside_is_escaped() -> None:
    assert "<b>" not in failure(False, detail="<b>bold</b>").replace("<b>1 dot", "")


def test_a_demo_shows_it_and_a_live_deployment_does_not() -> None:
    assert "no real money" in failure(False)
    assert "no real money" not in failure(True)


def test_a_context_that_lacks_a_name_fails() -> None:
    with pytest.raises(UndefinedError, match="request_id"):
        of("orders").render("error.html", status=404, title="", detail="", errors=[])
