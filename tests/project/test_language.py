"""The language check finds what it should. Pages and links are as documented."""

import re
import sys

import mistune
import pytest

from tests.helpers import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import check_language  # noqa: E402

LONG = " ".join(["word"] * 26)
RULES = {"phrases": {r"\bmend(s|ed)?\b": "fix"}, "exceptions": {}}


def found(blocks, **changes) -> list[str]:
    """List the problems of the texts."""
    rules = check_language.Language(**RULES | changes)
    return [why for block in blocks for why, _ in rules.problems(block)]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (LONG, 1),
        (" ".join(["word"] * 25), 0),
        (f"{LONG[:60]}. Word {LONG[60:]}", 0),
        (f"Shown by Müller et al. {LONG[:110]}", 1),  # no sentence ends at this full stop
        (f"{LONG[:60]}. docs/models.md {LONG[60:]}", 0),
        ("It mends the file.", 1),
        ("Recommended.", 0),
        (f"```\n{LONG} mend\n```", 0),
        (f"`{LONG} mend`", 0),
        (f"[a]({'b' * 9}mend)", 0),
        (f"- {LONG[:60]}\n- {LONG[60:]}", 0),
        (f"- {LONG}", 1),
        (f"| a | b |\n|---|---|\n| {LONG} | mend |", 2),
        (f"| a | b |\n|---|---|\n| {LONG[:60]}; {LONG[60:]} | `mend` |", 0),
        (f"# {LONG}", 1),
        (f"<!-- {LONG} -->", 0),
    ],
)
def test_markdown(text, problems):
    assert len(found(check_language.markdown(text))) == problems


def test_captions_with_values_that_are_filled_in():
    caption = f"Mended {{{{ {LONG} }}}} at ``mend`` in\n**{LONG[:60]}**.\n\n- Mended."
    assert found(check_language.restructured(caption)) == ['"Mended": write fix'] * 2


def test_messages_in_code():
    code = f'''
"""Mended {LONG}."""
raise InputError("cases.csv", f"{{name}} was mended", remedy="Mend it " + "now")  # mended
log.warning("Mended {{}}.".format(1), "{LONG}")
names = ["mended twice"]
'''
    lines = [(block.line, len(found([block]))) for block in check_language.messages(code)]
    assert lines == [(3, 1), (3, 1), (4, 1)]
    *_, other = check_language.messages(code + 'NOTE = f"{a} mends a map " + "of it"\n')
    assert (other.line, other.words) == (6, "CODE mends a map of it")


def test_public_docstrings_in_code():
    code = f'''"""Mended.

    python mend {LONG}
"""
class A:
    """Is `mended`.

    Attributes:
        x: {LONG[:60]};
            {LONG[60:]}; mended.
    """
    def _hidden(self):
        """Mended."""
def f():
    """Do {LONG}.

    Returns:
        Mended `{LONG}`.
    """
'''
    blocks = check_language.docstrings(code)
    lines = [(block.line, len(found([block]))) for block in blocks]
    assert [line for line in lines if line[1]] == [(1, 1), (9, 1), (15, 1), (18, 1)]


def test_titles_of_jobs_and_comments_of_configs():
    rule = f'rule a:\n    message:\n        f"Mending {{{{w.a}}}}"\n    shell: "{LONG}"\n'
    (job,) = check_language.jobs(rule)
    assert (job.line, job.words) == (3, "Mending CODE")
    config = f"# yaml-language-server: mend\n# It is\n# mended.\n#   mend {LONG}\n# - A.\na: 1\n"
    assert found(check_language.comments(config)) == ['"mended": write fix']


@pytest.mark.parametrize("name", ["page.html.j2", "page.md.j2", "note.txt.j2"])
def test_templates(tmp_path, name):
    html = f"<p>Mended {{{{ {LONG} }}}} <code>mend</code></p><style>mended</style>"
    markdown = f"Mended {{% if {LONG} %}}`mend`{{% endif %}}"
    (tmp_path / name).write_text(html if "html" in name else markdown)
    assert found(check_language.template(tmp_path / name)) == ['"Mended": write fix']


def test_an_exception_covers_its_sentence():
    blocks = list(check_language.markdown("It was mended at last. It was mended again."))
    assert len(found(blocks, exceptions={"at last": "a reason"})) == 1


def test_exceptions_are_few_and_have_reasons():
    exceptions = check_language.language().exceptions
    assert len(exceptions) <= check_language.ALLOWED
    assert all(len(reason.split()) > 3 for reason in exceptions.values())


def test_a_finding_has_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(check_language, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text("# Title\n\nA line.\n\n- One.\n- It was mended.\n")
    rules = check_language.Language(**RULES)
    (finding,) = check_language.check_page(tmp_path / "README.md", rules)
    assert str(finding) == 'README.md:6: "mended": write fix: It was mended.'


def test_pages_are_in_plain_english(capsys):
    assert check_language.main([]) == 0, capsys.readouterr().out


def test_readme_is_short():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 100] == []


PAGES = [*check_language.files(("*.md", "docs/**/*.md", "config/*.md"))]


def anchors(path) -> set[str]:
    """List the anchors of a page's headings, as GitHub creates them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for address in links(
        mistune.create_markdown(renderer="ast", plugins=["table"])(page.read_text())
    ):
        path, _, anchor = address.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), address
        assert not anchor or anchor in anchors(target), address


def links(tokens) -> list[str]:
    """List the targets of links and pictures, except web addresses."""
    found = []
    for token in tokens:
        found.append(token.get("attrs", {}).get("url", ""))
        found += links(token.get("children", ()))
    return [address for address in found if address and "://" not in address]
