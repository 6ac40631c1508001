"""Templates: a value is shown as text in every output format, whatever it contains."""

from typing import get_args

import jinja2
import pytest

from fidelity.presentation import page
from fidelity.presentation.escaping import latex, markdown
from fidelity.presentation.page import ESCAPES, folder_digest, paragraphs, render, templates_digest
from fidelity.tables.layout import Section, Table
from tests.helpers.html_page import Page

EVIL = "</script><script>alert(1)</script> \" onload='x' {{ 7*7 }} <img src=x onerror=y> | `a` _b_"
TABLES = [
    Table(EVIL, [EVIL, "n"], [[EVIL, "1"]], 1, {0: EVIL}, [EVIL], section=section, name=section)
    for section in ("main", "settings", "settings", "checks")
]


@pytest.mark.parametrize("template", ["tables", "provenance"])
def test_no_name_becomes_markup_of_a_page(template):
    read = Page(render(f"{template}.html.j2", tables=TABLES, dataset=EVIL))
    tags = [tag for tag, _ in read.tags]
    assert not {"script", "img"} & set(tags)
    assert not {name for _, attributes in read.tags for name in attributes if name.startswith("on")}
    assert tags.count("table") == len(TABLES)
    assert sum(text == EVIL for text in read.data) >= 4 * len(TABLES)


def test_no_name_becomes_markup_of_markdown():
    text = render("tables.md.j2", tables=TABLES, dataset=EVIL)
    own = text.replace("<details>", "").replace("</details>", "")
    for tag in ("summary", "b", "span"):
        own = own.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    assert "<" not in own
    # Each cell stays in its column.
    rows = [line for line in text.splitlines() if line.startswith("| &lt;/script>")]
    assert rows
    assert {line.replace("\\|", "").count("|") for line in rows} == {3}


def test_dollars_start_no_formula():
    """GitHub's documentation names this way, as a backslash does not always help."""
    assert markdown("$x$") == "<span>$</span>x<span>$</span>"
    assert latex("$x$") == r"\$x\$"


def test_greek_letters_and_arrows_are_known_to_latex():
    assert latex("β → λ, Δ") == (
        r"\ensuremath{\beta} \ensuremath{\rightarrow} \ensuremath{\lambda}, \ensuremath{\Delta}"
    )


def test_each_section_of_tables_has_its_place():
    tables = {
        name: Table(f"In {name}.", ["a"], [["b"]], 0, section=name, name=name)
        for name in get_args(Section)
    }
    for kind in ("html", "md"):
        text = render(f"tables.{kind}.j2", tables=list(tables.values()), dataset="d")
        text = text.replace("\\", "")
        assert all(f"In {name}." in text for name in tables)
    # The title counts only the tables of this section.
    text = render("tables.html.j2", tables=[tables["cases"]], dataset="d")
    assert ">Cases (1 table)<" in text


def test_values_are_not_templates():
    assert "{{ 7*7 }}" in render("tables.html.j2", tables=TABLES, dataset="d")


@pytest.mark.parametrize("kind", ESCAPES)
def test_macros_are_escaped_once_and_literals_not_at_all(kind):
    text = "{% macro m(x) %}_{{ x }}_{% endmacro %}{{ m(v) }} {{ v ~ v }}"
    if kind == "tex":
        text = text.translate(str.maketrans("{}", "<>"))
    templates = page._templates(kind)
    found = templates.from_string(text).render(v="a_b&#1;")
    once = ESCAPES[kind]("a_b&#1;")
    assert found == f"_{once}_ {once}{once}"


def test_what_a_template_is_not_given_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="dataset"):
        render("notes/cases.txt.j2")


def test_a_paragraph_is_one_line():
    assert paragraphs("notes/cases.txt.j2", dataset="a\n\tb")[0] == "Cases of a b"


def test_every_template_decides_the_digest(monkeypatch, tmp_path):
    before = templates_digest()
    (tmp_path / "notes").mkdir()
    monkeypatch.setattr(page, "TEMPLATES", tmp_path)
    seen = {before}
    for name in ("a.html.j2", "notes/b.txt.j2"):
        (tmp_path / name).write_text("x")
        folder_digest.cache_clear()
        seen.add(templates_digest())
    folder_digest.cache_clear()
    assert len(seen) == 3
