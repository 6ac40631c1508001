"""Digests change only with code that decides results. The packages under test are written here."""

import shutil

import pytest

from fidelity.datasets.registry import READERS
from fidelity.digests import code as digests
from fidelity.digests import modules

SCRIPT = """
'''A script.'''
import logging
from fidelity.sums import total

if __name__ == "__main__":
    print(total([1, 2]))
"""
SUMS = """
import logging
import warnings

import cv2
import numpy as np

from fidelity.base.errors import InputError
from fidelity.numbers import one as first
from fidelity import numbers

log = logging.getLogger(__name__)
FACTOR = 2
UNUSED = 3


def total(values: list[int]) -> int:
    '''Add values.'''
    if not values:
        text = f"no values in {values!r}"
        raise InputError(text, field="values", remedy=_remedy(values))
    log.info("%d values", len(values))
    warn_of_many(values, "many values")
    return FACTOR * np.sum(values) + first() + numbers.two(values)


def warn_of_many(values, what):
    if len(values) > 9:
        log.warning(what)


def unused():
    cv2.setNumThreads(1)
    return UNUSED


def _remedy(values):
    return "Give some" if values else "Give one"
"""
NUMBERS = """
def one():
    return 1


def two(values):
    while values:
        values = half(values)
    return 2


def half(values):
    return values[:1] if two([]) else []
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Create a small package and return its folder."""
    root = tmp_path / "fidelity"
    (root / "base").mkdir(parents=True)
    for name, text in {
        "__init__": "",
        "base/__init__": "",
        "base/errors": "class InputError(Exception): ...",
        "sums": SUMS,
        "numbers": NUMBERS,
        "../total": SCRIPT,
    }.items():
        (root / f"{name}.py").write_text(text)
    monkeypatch.setattr(modules, "ROOT", root)
    digests.forget()
    yield root
    digests.forget()


def _digest(*modules, **options) -> str:
    digests.forget()
    return digests.code_of("total.py", *modules, **options)


def _changes(root, name: str, old: str, new: str) -> bool:
    """Edit a module and return whether the digest changed."""
    before, path = _digest(), root / f"{name}.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return _digest() != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("sums", "FACTOR = 2", "FACTOR = 3"),
        ("sums", "np.sum", "np.max"),
        ("sums", "if not values", "if values"),
        ("sums", "raise InputError(text", "raise ValueError(text"),
        ("sums", "FACTOR = 2", "FACTOR = 2\nFACTOR += 1"),
        ("sums", "FACTOR = 2", "FACTOR = 2\nlogging.disable()"),
        ("sums", "first()", "first(1)"),
        ("sums", "one as first", "two as first"),
        ("numbers", "return 1", "return 11"),
        ("numbers", "values[:1]", "values[:2]"),
        ("numbers", "def half(values):", "def half(values=()):"),
        ("../total", "[1, 2]", "[1, 3]"),
    ],
)
def test_what_is_reached_counts(package, name, old, new):
    assert _changes(package, name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("sums", "FACTOR = 2", "# a comment\nFACTOR = 2"),
        ("sums", "Add values.", "Sum up values."),
        ("sums", "UNUSED = 3", "UNUSED = 4"),
        ("sums", "setNumThreads(1)", "setNumThreads(2)"),
        ("sums", "list[int]", "tuple[int]"),
        ("sums", "no values in", "nothing in"),
        ("sums", "Give some", "Give many"),
        ("sums", "%d values", "%d numbers"),
        ("sums", 'field="values"', 'field="numbers"'),
        ("sums", '"many values"', '"a lot of values"'),
        ("sums", "len(values) > 9", "len(values) > 99"),
        ("../total", "A script.", "The script."),
    ],
)
def test_what_is_not_reached_and_what_is_only_said_does_not(package, name, old, new):
    assert not _changes(package, name, old, new)


@pytest.mark.parametrize("source", READERS)
def test_a_warning_of_unused_images_does_not_list_the_cases_anew(source):
    module = READERS[source].removeprefix("fidelity.")
    reached = {name for _, name in digests.reached("index_cases.py", module)}
    assert "find_cases" in reached
    assert "warn_of_unused" not in reached


def test_functions_that_call_each_other_are_followed_to_an_end(package):
    text = (package / "sums.py").read_text()
    text += """

def down(n):
    return up(n - 1) if n else n


def up(n):
    return down(n + 1) if n else n


def told(n):
    shown = down(n)
    raise InputError(f"{shown} in vain")


total = told
"""
    (package / "sums.py").write_text(text)
    assert not _changes(package, "sums", "down(n + 1)", "down(n + 2)")


def test_a_moved_module_changes_nothing(package):
    before = _digest()
    (package / "deep").mkdir()
    (package / "deep/__init__.py").write_text("")
    (package / "numbers.py").rename(package / "deep/counts.py")
    path = package / "sums.py"
    text = path.read_text().replace("fidelity.numbers", "fidelity.deep.counts")
    text = text.replace(
        "from fidelity import numbers", "from fidelity.deep import counts as numbers"
    )
    path.write_text(text.replace("numbers.two", "numbers.two"))
    assert _digest() == before


def test_functions_that_change_places_change_the_digest(package):
    """Two equal sets of functions get different digests if they call each other differently."""
    (package / "others.py").write_text(NUMBERS.replace("return 1", "return 10"))
    path = package / "sums.py"
    path.write_text(
        path.read_text().replace(
            "from fidelity import numbers", "from fidelity import others as numbers"
        )
    )
    before = _digest()
    text = path.read_text().replace("fidelity.numbers import one", "fidelity.others import one")
    path.write_text(text.replace("others as numbers", "numbers"))
    assert _digest() != before


def test_library_versions_count_where_they_are_used(package, monkeypatch):
    real = digests.metadata.version

    def changed(package_name):
        monkeypatch.setattr(
            digests.metadata, "version", lambda name: "99" if name == package_name else real(name)
        )
        return _digest()

    before = changed("nothing")
    assert changed("numpy") != before
    assert changed("opencv-python-headless") == before  # only an unused function needs this package


def test_side_effects_of_a_message_count(package):
    """Code that prepares a message may have side effects."""
    path = package / "sums.py"
    path.write_text(
        path.read_text().replace(
            'log.info("%d values", len(values))', 'last = values.pop()\n    log.info("%s", last)'
        )
    )
    assert _changes(package, "sums", "values.pop()", "values.pop(0)")


def test_a_part_of_the_script_that_lacks_its_input(package):
    script = package.parent / "total.py"
    script.write_text(
        SCRIPT
        + "\n\ndef main(model):\n    if model is not None:\n        total([])\n        model = 7\n"
    )
    before, without = _digest(), _digest(absent=("model",))
    script.write_text(script.read_text().replace("model = 7", "model = 8"))
    assert _digest() != before
    assert _digest(absent=("model",)) == without


def test_registries_count_by_requested_entry_and_fact(package):
    (package / "registry.py").write_text(
        "from dataclasses import dataclass\n"
        "from fidelity import numbers\n\n\n"
        "@dataclass\nclass Entry:\n    title: str\n    function: object\n\n\n"
        "TABLE = {'one': Entry('One', numbers.one), 'half': Entry('Half', function=numbers.half)}\n"
    )
    script = package.parent / "total.py"
    script.write_text("from fidelity.registry import TABLE\n\nTABLE['x'].function()\n")

    def changes(old, new, name="registry", names=("one",)):
        before, path = _digest(names=names), package / f"{name}.py"
        path.write_text(path.read_text().replace(old, new))
        return _digest(names=names) != before

    assert not changes("{'one'", "{'new': Entry('New', numbers.two), 'one'")
    assert not changes("'One'", "'The one'")
    assert not changes("values[:1]", "values[:3]", "numbers")
    assert changes("return 1", "return 5", "numbers")
    assert changes("values[:3]", "values[:4]", "numbers", names=("one", "half"))
    script.write_text(script.read_text() + "TABLE['x'].title\n")
    assert changes("'The one'", "'A one'")


def test_descriptions_count_where_they_are_read_and_messages_nowhere(package):
    (package / "columns.py").write_text(
        "from fidelity import numbers\n\n\n"
        "class Column:\n    name: str\n    meaning: 'Description' = ''\n\n\n"
        "def text(name, meaning: 'Description'):\n    return Column(name, meaning)\n\n\n"
        "TAIL: 'Message' = 'at the end'\n\n\n"
        "def fault(name) -> 'Message | None':\n"
        "    if name:\n        return 'is bad'\n    return None if numbers.one() else TAIL\n\n\n"
        "ALL = [text('a', 'first'), Column('b', meaning=f'second {TAIL}'), fault('c')]\n"
    )
    script = package.parent / "total.py"
    script.write_text("from fidelity import columns\n\nfor c in columns.ALL:\n    print(c.name)\n")
    script.write_text(script.read_text() + "columns.text('c', 'third')\nc.name()\n")

    def changes(old, new, name="columns"):
        return _changes(package, name, old, new)

    assert not changes("first", "1st")
    assert not changes("second", "2nd")
    assert not changes("third", "3rd", "../total")
    assert not changes("at the end", "last")
    assert not changes("is bad", "is no good")
    assert changes("'a'", "'aa'")
    assert changes("if name:", "if not name:")
    assert changes("return 'is no good'", "return ''")
    assert changes("c.name()", "c.name, c.meaning", "../total")
    assert changes("1st", "first")
    assert changes("2nd", "second")
    assert changes("3rd", "third", "../total")


def test_unknown_module(package):
    with pytest.raises(FileNotFoundError):
        _digest("explainers.nothing")


def test_copies_of_the_project_have_equal_digests(tmp_path, monkeypatch):
    before = digests.code_of("score.py", names=("iou",))
    root = tmp_path / "workflow_scripts"
    shutil.copytree(modules.ROOT.parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(modules, "ROOT", root / "fidelity")
    digests.forget()
    assert digests.code_of("score.py", names=("iou",)) == before
    digests.forget()
