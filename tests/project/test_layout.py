"""The layout of the library, as docs/architecture.md describes it."""

from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "workflow_scripts" / "fidelity"
PACKAGES = sorted(init.parent for init in LIBRARY.rglob("__init__.py"))
MOST_MODULES = 15


def modules(package):
    return sorted({path.stem for path in package.glob("*.py")} - {"__init__"})


def test_no_module_is_outside_the_packages():
    assert modules(LIBRARY) == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_package_has_few_modules_at_one_level(package):
    assert len(modules(package)) <= MOST_MODULES


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for path in LIBRARY.rglob("*.py")}
    assert folders == set(PACKAGES)
