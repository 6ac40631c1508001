"""Find long sentences and unclear phrases in the texts that people read.

    python docs/check_language.py           all of them (`make lint`)
    python docs/check_language.py --count   only the number of findings per file

It reads README, pages and captions; templates; messages and other strings of the code (verdicts,
notes, labels, remedies) and its public docstrings; titles of jobs; and comments of configs.
docs/language.yaml lists the phrases, what to write instead, and exceptions with their reasons.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from typing import Any

import docutils.core
import docutils.nodes
import mistune
import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("*.md", "config/*.md", "docs/**/*.md", "rules/captions/*.rst")
CODE = ("workflow_scripts/**/*.py", "rules/*.smk", "config/*.yaml")
KINDS = (".html*", ".md*", ".txt.j2", "words.j2")
TEMPLATES = tuple(f"workflow_scripts/**/*{kind}" for kind in KINDS)
# The parts of a page to check, as regular expressions; pages not listed are checked as a whole.
PARTS = {
    "CHANGELOG.md": r"^## Unreleased\n.*?(?=^## |\Z)",
}
MOST_WORDS = 25
ALLOWED = 20
# Inline code and inserted values count as one word each.
WORD = "CODE"
BLOCKS = ("paragraph", "heading", "block_text", "table_cell")
LOGGED = {"debug", "info", "warning", "error", "exception", "critical", "warn", "print"}
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef
# Separators between paragraphs, titles of sections (`Args:`), entries and items.
DOCSTRING_PARTS = re.compile(r"\n\s*\n|:\n(?=    )|\n(?=    [*\w]+: )|\n(?=\s*(?:-|\d+\.) )")
ABBREVIATIONS = r"(?<!\bal\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<!\bcf\.)(?<!\b[A-Z]\.)"
# A capital letter, a number or the name of a file starts the next sentence.
BEGIN = r"""(?=["'“(]*(?:[A-ZÀ-Ý0-9]|[\w/]+\.(?:md|yaml|py|csv)\b))"""
END = re.compile(rf"""(?<=[.!?]){ABBREVIATIONS}\s+{BEGIN}|(?<=[.!?]["'”)])\s+{BEGIN}""")


@dataclass(frozen=True)
class Text:
    """A block of words: a paragraph, a list item, a table cell, a message.

    Attributes:
        line: where it begins in its file, from 1; 0 if it was not found there.
        fragment: whether it may consist of fragments of sentences, separated by semicolons.
    """

    line: int
    words: str
    fragment: bool = False

    def sentences(self) -> list[str]:
        """Split into sentences."""
        found = END.split(self.words)
        if self.fragment:
            found = [part for sentence in found for part in sentence.split(";")]
        return [sentence.strip() for sentence in found if sentence.strip()]


@dataclass(frozen=True)
class Finding:
    """A sentence to rewrite, and why."""

    path: str
    line: int
    why: str
    sentence: str

    def __str__(self) -> str:
        """Return one line in the format of linters."""
        return f"{self.path}:{self.line}: {self.why}: {self.sentence}"


@dataclass
class Language:
    """The content of docs/language.yaml; `used` collects the exceptions that were needed."""

    phrases: dict[str, str]
    exceptions: dict[str, str]

    def __post_init__(self) -> None:
        self.used: set[str] = set()
        self._phrases = [(re.compile(p, re.I), better) for p, better in self.phrases.items()]

    def problems(self, text: Text) -> Iterator[tuple[str, str]]:
        """Yield (what is wrong, the sentence) for each sentence that no exception covers."""
        for sentence in text.sentences():
            allowed = {p for p in self.exceptions if re.search(p, sentence)}
            found = list(self._why(sentence))
            if allowed and found:
                self.used |= allowed
            else:
                yield from ((why, sentence) for why in found)

    def _why(self, sentence: str) -> Iterator[str]:
        words = re.sub(f"{WORD}(, {WORD})+", WORD, sentence).split()  # a list of names is one word
        count = sum(bool(re.search(r"\w", word)) for word in words)
        if count > MOST_WORDS:
            yield f"{count} words (at most {MOST_WORDS})"
        for phrase, better in self._phrases:
            if match := phrase.search(sentence):
                yield f'"{match[0]}": write {better}'


def language(path: Path = ROOT / "docs" / "language.yaml") -> Language:
    """Read the phrases and the exceptions."""
    return Language(**yaml.safe_load(path.read_text(encoding="utf-8")))


def markdown(text: str) -> Iterator[Text]:
    """Yield the blocks of Markdown; code blocks, HTML and link addresses are left out."""
    tokens = mistune.create_markdown(renderer="ast", plugins=["table"])(text)
    yield from _placed(text, _markdown_blocks(tokens))


def _markdown_blocks(tokens: Iterable[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    for token in tokens:
        if token["type"] in BLOCKS:
            yield _inline(token.get("children", ())), token["type"] == "table_cell"
        else:
            yield from _markdown_blocks(token.get("children", ()))


def _inline(tokens: Iterable[dict[str, Any]]) -> str:
    """Join the words of inline tokens."""
    parts = {"codespan": WORD, "softbreak": " ", "linebreak": " ", "inline_html": ""}
    return "".join(
        parts[token["type"]]
        if token["type"] in parts
        else _inline(token["children"])
        if "children" in token
        else token.get("raw", "")
        for token in tokens
    )


def restructured(text: str) -> Iterator[Text]:
    """Yield the paragraphs of reStructuredText with Jinja expressions, such as captions."""
    document = docutils.core.publish_doctree(_filled(text))
    code = (docutils.nodes.literal, docutils.nodes.title_reference)
    for node in list(document.findall(lambda node: isinstance(node, code))):
        node.parent.replace(node, docutils.nodes.Text(WORD))
    paragraphs = document.findall(docutils.nodes.paragraph)
    yield from _placed(text, ((node.astext(), False) for node in paragraphs))


def _filled(text: str) -> str:
    """Replace what Jinja inserts by one word, and remove its statements and comments."""
    return re.sub(r"{%.*?%}|{#.*?#}", "", re.sub(r"{{.*?}}", WORD, text, flags=re.S), flags=re.S)


class _Page(HTMLParser):
    """Collects the words between tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = [""]
        self.hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script", "code", "pre"):
            self.hidden = tag
            self.found[-1] += WORD * (tag == "code")
        elif tag not in ("a", "b", "em", "strong", "i", "span", "sub", "sup"):
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = "" if tag == self.hidden else self.hidden

    def handle_data(self, data: str) -> None:
        self.found[-1] += "" if self.hidden else data


def template(path: Path) -> Iterator[Text]:
    """Yield the blocks of a Jinja template of HTML, Markdown or plain text."""
    text = path.read_text(encoding="utf-8")
    if ".html" not in path.suffixes:
        yield from markdown(_filled(text))
        return
    page = _Page()
    page.feed(_filled(text))
    yield from _placed(text, ((words, False) for words in page.found if words.strip()))


def code(source: str) -> Iterator[Text]:
    """Yield the texts for people in a file of Python code: messages and docstrings."""
    yield from messages(source)
    yield from docstrings(source)


def messages(source: str) -> Iterator[Text]:
    """Yield the messages of Python code, in the order of its lines.

    Messages are texts that are raised, logged or printed, and all other strings of at least five
    words: verdicts, notes, labels, remedies. Docstrings are not messages.
    """
    tree = ast.parse(source)
    said = [
        value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _speaks(node.func)
        for value in [*node.args, *(keyword.value for keyword in node.keywords)]
    ]
    # Docstrings, and parts of strings that are listed as a whole.
    bodies = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    wholes = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.BinOp)]
    parts = [part for whole in wholes for part in islice(ast.walk(whole), 1, None)]
    left_out = {id(part) for node in [*said, *bodies] for part in ast.walk(node)}
    left_out |= set(map(id, parts))
    others = [node for node in ast.walk(tree) if id(node) not in left_out]
    found = [(node, 2) for node in said] + [(node, 5) for node in others]
    expressions = [(node, least) for node, least in found if isinstance(node, ast.expr)]
    for node, least in sorted(expressions, key=lambda pair: pair[0].lineno):
        words = " ".join(_literal(node).split())
        if len(words.split()) >= least:
            yield Text(node.lineno, words)


def docstrings(source: str) -> Iterator[Text]:
    """Yield the paragraphs and entries of the public docstrings of Python code."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, DOCUMENTED) or getattr(node, "name", "").startswith("_"):
            continue
        is_module = isinstance(node, ast.Module)
        if (text := ast.get_docstring(node, clean=not is_module)) is None:
            continue
        parts = [
            (re.sub("`[^`]+`", WORD, part), part.startswith("    "))
            for part in DOCSTRING_PARTS.split(text)
            if not (is_module and part.startswith("    "))  # a command to type
        ]
        for part in _placed(text, parts):
            yield replace(part, line=part.line + node.body[0].lineno - 1)


def _speaks(function: ast.expr) -> bool:
    name = getattr(function, "attr", getattr(function, "id", ""))
    return name in LOGGED or name.endswith(("Error", "Warning", "Exit"))


def _literal(node: ast.expr) -> str:
    """Return the words of a literal; each inserted value counts as one word."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        values = node.values
        return "".join(_literal(v) if isinstance(v, ast.Constant) else WORD for v in values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _literal(node.left) + _literal(node.right)
    return ""


def jobs(text: str) -> Iterator[Text]:
    """Yield the titles of jobs in a file of Snakemake's rules."""
    for match in re.finditer(r'message:\s+f?"(.*)"', text):
        yield Text(text.count("\n", 0, match.start(1)) + 1, re.sub(r"{.*?}+", WORD, match[1]))


def comments(text: str) -> Iterator[Text]:
    """Yield the comments of a YAML file; consecutive lines are one comment, except commands."""
    for match in re.finditer(r"(?m)(?:^[ ]*# .*\n)+", text):
        words = re.sub(r"(?m)^ *# (yaml-language-server.*)?", "", match[0])
        for part in re.split(r"\n(?=- |  )|\n\n", words):
            if not part.startswith("  "):
                yield Text(text.count("\n", 0, match.start()) + 1, " ".join(part.split()))


def _placed(text: str, blocks: Iterable[tuple[str, bool]]) -> Iterator[Text]:
    """Find each block's first line: where its first words occur next."""
    position = 0
    for words, fragment in blocks:
        words = " ".join(words.split())
        first = re.findall(r"\w+", words.split(WORD)[0] or words.replace(WORD, " "))[:4]
        match = re.compile(r"\W+".join(first)).search(text, position) if first else None
        position = match.start() if match else position
        yield Text(text.count("\n", 0, position) + 1, words, fragment)


def check_page(path: Path, rules: Language) -> list[Finding]:
    """Check a page, a caption, a template or a file of code."""
    name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    before = 0
    if part := re.search(PARTS[name], text, re.M | re.S) if name in PARTS else None:
        before, text = text.count("\n", 0, part.start()), part[0]
    readers = {".rst": restructured, ".py": code, ".smk": jobs, ".yaml": comments}
    if path.is_relative_to(ROOT / "workflow_scripts") and path.suffix != ".py":
        blocks = template(path)
    else:
        blocks = readers.get(path.suffix, markdown)(text)
    return [
        Finding(name, block.line + before, why, sentence)
        for block in blocks
        for why, sentence in rules.problems(block)
    ]


def files(patterns: Iterable[str]) -> list[Path]:
    """List the files that match, in order, without repetition."""
    return list(dict.fromkeys(path for p in patterns for path in sorted(ROOT.glob(p))))


def main(arguments: list[str] | None = None) -> int:
    """Print the findings; return 1 if there are any, or if an exception is not needed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", action="store_true", help="print only the number per file")
    given = parser.parse_args(arguments)
    rules = language()
    found = {path: check_page(path, rules) for path in files((*PAGES, *CODE, *TEMPLATES))}
    for path, findings in found.items():
        if given.count and findings:
            long = sum("words (at most" in finding.why for finding in findings)
            print(f"{path.relative_to(ROOT)}: {long} long, {len(findings) - long} phrases")
        elif not given.count:
            print(*findings, sep="\n", end="\n" * bool(findings))
    unused = set(rules.exceptions) - rules.used
    for pattern in unused:
        print(f"docs/language.yaml: the exception {pattern!r} is not needed; remove it")
    if len(rules.exceptions) > ALLOWED:
        print(f"docs/language.yaml: {len(rules.exceptions)} exceptions, at most {ALLOWED}")
    return int(any(found.values()) or bool(unused) or len(rules.exceptions) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
