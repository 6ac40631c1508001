"""Digests follow the code that decides results, and nothing else."""

import shutil
from pathlib import Path

import pytest

from fidelity.base import digests


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that a test may edit."""
    root = tmp_path / "fidelity"
    shutil.copytree(digests.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digests, "ROOT", root)
    _forget()
    yield root
    _forget()


def _forget():
    digests.module_digest.cache_clear()
    digests._parse.cache_clear()
    digests._version.cache_clear()


def _edited(path: Path, text: str, *modules: str) -> str:
    path.write_text(path.read_text() + text)
    _forget()
    return digests.module_digest(*modules)


def test_code_counts_and_docstrings_and_comments_do_not(package):
    path = package / "explainers" / "lime.py"
    before = digests.module_digest("explainers.lime.lime")
    assert _edited(path, "\n# a comment\n", "explainers.lime.lime") == before
    assert _edited(path, "\n\ndef extra():\n    return 1\n", "explainers.lime.lime") != before


def test_editing_one_explainer_leaves_the_others_alone(package):
    others = ["explainers.cam.cam", "explainers.baselines.lung_mask", "explainers.runner"]
    before = [digests.module_digest(name) for name in others]
    _edited(package / "explainers" / "lime.py", "\nX = 1\n", "explainers.lime.lime")
    assert [digests.module_digest(name) for name in others] == before


def test_shared_code_counts_for_all_that_import_it(package):
    names = ["explainers.lime.lime", "explainers.baselines.random_superpixels"]
    before = [digests.module_digest(name) for name in names]
    _edited(package / "explainers" / "superpixels.py", "\nX = 1\n", "explainers.lime.lime")
    assert all(digests.module_digest(n) != b for n, b in zip(names, before, strict=True))


def test_registering_a_method_reruns_nothing(package):
    before = digests.module_digest("explainers.runner", "explainers.lime.lime")
    path = package / "explainers" / "registry.py"
    assert _edited(path, "\nX = 1\n", "explainers.runner", "explainers.lime.lime") == before


def test_library_versions_count(monkeypatch):
    _forget()
    before = digests.module_digest("explainers.lime.lime")
    _forget()
    real = digests.metadata.version
    monkeypatch.setattr(
        digests.metadata, "version", lambda name: "99" if name == "scikit-image" else real(name)
    )
    assert digests.module_digest("explainers.lime.lime") != before
    _forget()


def test_null_baselines_do_not_depend_on_torch_models():
    found = digests.dependencies("explainers.baselines.mean_mask", "explainers.runner")
    assert not {name for name in found if name.startswith("fidelity.classifiers")}


def test_every_registered_module_exists():
    from fidelity.explainers.registry import METHODS

    for method in METHODS.values():
        assert digests.module_digest(method.module)


def test_unknown_module():
    with pytest.raises(FileNotFoundError):
        digests.module_digest("explainers.nothing")
