"""A plugin that cannot be imported is reported before any job, with file and line."""

import sys
from pathlib import Path

import pytest
import yaml

from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.settings import plugin_imports
from fidelity.settings.plugin_imports import check_imports
from tests.helpers import ROOT
from tests.helpers.small_study import CONFIG, Study, copy_project

MAPS = "def maps(classifier, image, target, seed):\n    pass\n"


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(text, explainer="maps", network=None):
        Path("mine.py").write_bytes(text if isinstance(text, bytes) else text.encode())
        config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
        config["plugins"] = ["mine.py"]
        if explainer:
            config["explainers"]["x"] = {"method": f"plugin:{explainer}"}
        if network:
            config["classifiers"]["x"] = {"architecture": f"plugin:{network}"}
        check_imports(settings.load(config))

    return run


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"\nimport no_such_package\n{MAPS}", r"mine\.py, line 2, 'plugins': .*ModuleNotFound"),
        (f"import numpy\nnumpy.nothing()\n{MAPS}", r"mine\.py, line 2, 'plugins': .*AttributeErr"),
        (f"import other\n{MAPS}", r"mine\.py, line 1, 'plugins': .*SyntaxError.*other\.py, line 2"),
        (f"import sys\nsys.exit(2)\n{MAPS}", r"mine\.py, line 2, 'plugins': .*status 2.*__main__"),
        (f"input()\n{MAPS}", r"mine\.py, line 1, 'plugins': .*EOFError"),
        (f"import os\nos._exit(3)\n{MAPS}", r"mine\.py, 'plugins': .*status 3"),
        (f"{MAPS}del maps\n", r"no function 'maps'|no plugin has a function 'maps'"),
        (f"# -*- coding: latin-1 -*-\nx = '\xe9'\nraise OSError(x)\n{MAPS}".encode("latin-1"),
         r"mine\.py, line 3, 'plugins': .*OSError: é"),
    ],
)  # fmt: skip
def test_a_plugin_that_cannot_be_imported_is_reported(check, text, message):
    Path("other.py").write_text("\ndef f(:\n")
    with pytest.raises(InputError, match=message):
        check(text)


@pytest.mark.parametrize("text", [b"def maps(\n", b"x = '\xe9'\n", b"x = 1\0"])
def test_a_plugin_that_is_not_python_is_reported_without_running_it(check, text):
    with pytest.raises(InputError, match=r"mine\.py.*, 'plugins': the plugin is not Python"):
        check(text + MAPS.encode())


def test_functions_of_networks_are_imported_too(check):
    net = "def net(outputs):\n    pass\n"
    check(net, explainer=None, network="net")
    with pytest.raises(InputError, match=r"mine\.py, line 1, 'plugins'"):
        check(f"import no_such_package\n{net}", explainer=None, network="net")


def test_what_a_plugin_prints_is_no_error(check):
    check(f"print('hello')\n{MAPS}")


def test_only_plugins_that_are_used_are_imported_and_none_in_this_process(check, monkeypatch):
    before = set(sys.modules)
    check(MAPS)
    assert not [name for name in set(sys.modules) - before if "plugin_mine" in name]
    monkeypatch.setattr(plugin_imports.subprocess, "run", None)
    check("import no_such_package\n", explainer=None)


def test_snakemake_ends_before_any_job(tmp_path):
    copy_project(tmp_path / "project")
    study = Study(tmp_path / "project")
    (study.folder / "mine.py").write_text(f"import no_such_package\n{MAPS}")
    study.write({
        **CONFIG,
        "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
        "plugins": ["mine.py"],
        "explainers": {"mine": {"method": "plugin:maps"}},
    })  # fmt: skip
    printed = study.snakemake(expect=1, fresh=True)
    assert "mine.py, line 1, 'plugins': the plugin cannot be imported" in printed
    assert not (study.folder / "results").exists()
