"""The digests of all rules in a config with every explainer: which edit changes which digest.

Snakemake plans the config once, which shows what each rule passes to `code_of`. Then the tests edit
a copy of the code and compare the digests.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from fidelity.binarizations.registry import RULES
from fidelity.digests import code as digests
from fidelity.digests import modules
from fidelity.explainers.registry import METHODS
from fidelity.metrics.map_registry import RANKING
from fidelity.metrics.registry import METRICS

ROOT = Path(__file__).parents[2]
PRESENTATION = ("tables", "figures", "verdict", "presentation", "pages", "provenance")
# Scripts whose results are only for readers.
SHOWN = (
    "explorer.py",
    "study_page.py",
    "paper.py",
    "figure.py",
    "../notebooks",
    "verdict",
    "format_tables",
    "summary_over_datasets",
    "provenance.py",
)
# Functions that describe columns and metrics → the position of the first text among arguments.
DESCRIBING = {
    **dict.fromkeys(["text", "count", "number", "similarity", "_with_bounds"], 1),
    **dict.fromkeys(["_share", "_distance", "Metric", "RankingMetric"], 1),
    "Column": 2,
}
# Plans a run, and prints the arguments of each call of `code_of`.
PLAN = """
import json, sys
sys.path.insert(0, sys.argv[1] + "/workflow_scripts")
from fidelity.digests import code as digests
asked, code_of = [], digests.code_of
def ask(*modules, **options):
    asked.append([modules, options])
    return code_of(*modules, **options)
digests.code_of = ask
from snakemake.cli import main
try:
    main(["-n", "-q", "--snakefile", sys.argv[1] + "/Snakefile", "--configfile", "study.yaml"])
except SystemExit as end:
    assert end.code == 0
json.dump(asked, open("asked.json", "w"))
"""
MORE = {
    "explainers": {
        "mean_mask": {"method": "mean_mask"},
        "unet": {"method": "unet"},
        "random_lime": {"method": "random_weights", "of": {"method": "lime"}},
    },
    "binarizations": {
        "half": {"method": "fixed", "threshold": 0.5},
        "top": {"method": "percentile", "percentile": 90},
        **{name: {"method": name} for name in ("otsu", "tuned", "superpixels", "area_matched")},
    },
    "explain": {"splits": ["val", "test"]},
    "scores": {"metrics": ["iou", "dice"], "ranking": ["pointing_game"]},
    "faithfulness": {"metrics": ["deletion_auc", "infidelity", "sensitivity_max"]},
    "sanity": {"cases": 2, "layers": 2},
}

# The arguments that a rule passes to `code_of`, in a form that can be a key.
Asked = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> list[Asked]:
    """Return the arguments of all rules to `code_of`: script and modules, names, absent."""
    folder = tmp_path_factory.mktemp("plan")
    config = yaml.safe_load((ROOT / "config/every_explainer.yaml").read_text())
    for key, value in MORE.items():
        config[key] = {**config.get(key, {}), **value}
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    subprocess.run([sys.executable, "-c", PLAN, str(ROOT)], cwd=folder, check=True)
    found = {
        (tuple(modules), tuple(options.get("names", ())), tuple(options.get("absent", ())))
        for modules, options in json.loads((folder / "asked.json").read_text())
    }
    assert len(found) > 90
    return sorted(found)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Copy the code, so that a test may edit it."""
    scripts = tmp_path / "workflow_scripts"
    shutil.copytree(modules.ROOT.parent, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    monkeypatch.setattr(modules, "ROOT", scripts / "fidelity")
    digests.forget()
    yield scripts / "fidelity"
    digests.forget()


def _all(asked: list[Asked]) -> dict[Asked, str]:
    digests.forget()
    return {one: digests.code_of(*one[0], names=one[1], absent=one[2]) for one in asked}


def _changed(asked: list[Asked], edit: Callable[[], object]) -> list[Asked]:
    """Make an edit, and list the digests that changed."""
    before = _all(asked)
    edit()
    after = _all(asked)
    return [one for one in asked if before[one] != after[one]]


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


class _Reworded(ast.NodeTransformer):
    """Changes the words of errors, log lines, warnings and docstrings."""

    def __init__(self) -> None:
        self.inside = self.returns = False

    def _within(self, node: ast.AST) -> ast.AST:
        before, self.inside = self.inside, True
        node = self.generic_visit(node)
        self.inside = before
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:  # noqa: N802
        return self._within(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # noqa: N802
        before, self.returns = self.returns, "Message" in ast.dump(node.returns or ast.Pass())
        node = self.generic_visit(node)
        self.returns = before
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:  # noqa: N802
        return self._within(node) if self.returns else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:  # noqa: N802
        is_message = "Message" in ast.unparse(node.annotation)
        return self._within(node) if is_message else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
        whose = getattr(getattr(node.func, "value", None), "id", "")
        is_log = whose in ("log", "logging") and name != "getLogger"
        is_message = is_log or name == "warn" or name.endswith(("Error", "Warning"))
        return self._within(node) if is_message else self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        return self._within(node) if node.arg == "remedy" else self.generic_visit(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:  # noqa: N802
        node.value = self.visit(node.value)  # the format is kept
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:  # noqa: N802
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return ast.Expr(ast.Constant(f"{node.value.value} Reworded."))
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:  # noqa: N802
        is_text = self.inside and isinstance(node.value, str)
        return ast.Constant(f"{node.value}, reworded") if is_text else node


def test_rewording_any_message_changes_nothing(asked, package):
    def reword():
        count = 0
        for path in sorted(package.parent.rglob("*.py")):
            tree = ast.parse(path.read_text())
            text = ast.unparse(ast.fix_missing_locations(_Reworded().visit(tree)))
            count += text.count("reworded")
            path.write_text(text)
        assert count > 1000

    assert _changed(asked, reword) == []


def test_rewording_a_message_that_is_built_in_steps_changes_nothing(asked, package):
    texts = {
        "datasets/indexing/box_fit.py": ["a whole of", "have boxes in", "have a box", "boxes that"],
        "datasets/indexing/organs.py": [
            "rows are of images",
            "cases have no row",
            "cases have mas",
        ],
        "classifiers/cam_layers/choose.py": [
            "information bypasses",
            "no late layer",
            "Use an expl",
        ],
    }

    def reword():
        for name, beginnings in texts.items():
            for text in beginnings:
                _replace(package / name, text, f"reworded {text}")

    assert _changed(asked, reword) == []


def test_moving_a_module_changes_nothing(asked, package):
    def move():
        (package / "masks/deep").mkdir()
        (package / "masks/deep/__init__.py").write_text("")
        (package / "masks/run_lengths.py").rename(package / "masks/deep/run_lengths.py")
        notebook = package.parents[1] / "notebooks/explore.py.ipynb"
        for path in [*package.parent.rglob("*.py"), notebook]:
            text = path.read_text()
            path.write_text(text.replace("fidelity.masks.run_len", "fidelity.masks.deep.run_len"))

    assert _changed(asked, move) == []


def test_adding_what_no_config_requests_changes_nothing(asked, package):
    """Adds a metric, ranking metric, binarization, explainer and figure, as docs/extend.md does."""

    def add():
        path = package / "metrics/overlap.py"
        path.write_text(path.read_text() + "\n\ndef f2(counts):\n    return counts.tp\n")
        _replace(
            package / "metrics/registry.py",
            "_SHARES = [",
            '_SHARES = [_share("f2", "F2", "van Rijsbergen 1979", overlap.f2),',
        )
        _replace(
            package / "metrics/map_registry.py",
            "for metric in (",
            'for metric in (RankingMetric("new", "N", "higher", "me", map_metrics.roc_auc),',
        )
        (package / "binarizations/mean.py").write_text("def binarize(map01):\n    return map01\n")
        _replace(
            package / "binarizations/registry.py",
            "RULES: dict[str, Rule] = {",
            'RULES: dict[str, Rule] = {"mean": Rule("fidelity.binarizations.mean", "Mean"),',
        )
        (package / "explainers/cam/new.py").write_text("def make(context, settings):\n    pass\n")
        _replace(
            package / "explainers/registry.py",
            "METHODS: dict[str, Method] = {",
            'METHODS: dict[str, Method] = {"cam": Method("explainers.cam.new", "C", "cam", "me"),',
        )
        (package / "figures/means.py").write_text("def draw(table):\n    return table\n")

    assert _changed(asked, add) == []


def test_editing_one_explainer_reruns_that_one_and_those_that_run_it(asked, package):
    path = package / "explainers/lime/surrogate.py"
    changed = _changed(asked, lambda: path.write_text(path.read_text() + "\nrandom = 1\n"))
    assert changed == []  # no code uses it
    changed = _changed(asked, lambda: _replace(path, "1 - rows.mean", "2 - rows.mean"))
    runs_lime = {"explainers.lime.lime", "explainers.perturbation.kernel_shap"}
    assert all(runs_lime & {*one[0]} for one in changed)
    assert {"explain.py", "sensitivity.py"} <= {one[0][0] for one in changed}
    assert any("random_weights" in one[1] for one in changed)


def test_editing_presentation_reruns_presentation_alone(asked, package):
    def edit():
        for part in PRESENTATION[:4]:
            for path in (package / part).rglob("*.py"):
                for text in list(_numbers_in(path))[:1]:
                    path.write_text(text)

    scripts = {one[0][0] for one in _changed(asked, edit)}
    assert {"verdict.py", "format_tables.py", "figure.py"} <= scripts
    assert not [script for script in scripts if not script.startswith(SHOWN)]


class _Redescribed(ast.NodeTransformer):
    """Changes the words that describe a column or metric."""

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        first = DESCRIBING.get(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))
        if first is None or isinstance(node.args[0], ast.Starred):
            return self.generic_visit(node)
        for place, part in enumerate(node.args[first:], first):
            text = ast.unparse(part)
            is_fact = isinstance(part, ast.Constant) and part.value in ("higher", "lower", "1")
            if not is_fact and isinstance(part, ast.Constant | ast.JoinedStr):
                node.args[place] = ast.parse(f"{text} + ' reworded'", mode="eval").body
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:  # noqa: N802
        if ast.unparse(node.targets[0]) in ("_IN_WORDS", "_ENDS_IN_WORDS", "_IN_TITLES", "_AUC"):
            text = re.sub("(?<=[a-z])'(?=[,}]|$)", " reworded'", ast.unparse(node.value))
            node.value = ast.parse(text, mode="eval").body
        return self.generic_visit(node)


def test_rewording_what_describes_a_column_or_metric_reruns_presentation_alone(asked, package):
    def reword():
        count = 0
        for path in [*(package / "analysis/columns").glob("*.py"), *package.glob("metrics/*.py")]:
            tree = _Redescribed().visit(ast.parse(path.read_text()))
            text = ast.unparse(ast.fix_missing_locations(tree))
            count += text.count("reworded")
            path.write_text(text)
        assert count > 150

    scripts = {one[0][0] for one in _changed(asked, reword)}
    assert {"format_tables.py", "figure.py"} <= scripts
    assert not [script for script in scripts if not script.startswith(SHOWN)]


def test_the_measurement_of_the_lung_model_does_not_refit_it(asked, package):
    path = package / "segmentation/lung_quality.py"
    scripts = [one[0][0] for one in _changed(asked, lambda: _replace(path, '"test"', '"val"'))]
    assert scripts == ["measure_lung_model.py"]


def _numbers_in(path: Path) -> Iterator[str]:
    """Return the module's text with one number or operator changed, for each of them."""
    lines = path.read_text().splitlines(keepends=True)
    tree = ast.parse("".join(lines))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            row, start, end = node.lineno - 1, node.col_offset, node.end_col_offset
            line = lines[row].encode()
            text = line[:start] + f"({node.value!r} + 7)".encode() + line[end:]
            yield "".join([*lines[:row], text.decode(), *lines[row + 1 :]])


@pytest.mark.parametrize("method", sorted({method.module for method in METHODS.values()}))
def test_a_changed_number_changes_the_explainer(method, package):
    """If the explainer has no number, a name is added instead."""
    path = package.joinpath(*method.split(".")).with_suffix(".py")
    before = digests.code_of("explain.py", method)
    text = next(_numbers_in(path), path.read_text() + "\nADDED = 1\n")
    path.write_text(text)
    digests.forget()
    assert digests.code_of("explain.py", method) != before


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_changed_number_changes_the_binarization(rule, package):
    path = package.parent.joinpath(*rule.module.split(".")).with_suffix(".py")
    chosen = rule.module.removeprefix("fidelity.")
    before = digests.code_of("binarize.py", chosen)
    path.write_text(next(_numbers_in(path), path.read_text() + "\nADDED = 1\n"))
    digests.forget()
    assert digests.code_of("binarize.py", chosen) != before


@pytest.mark.parametrize("name", METRICS)
def test_a_requested_metric_counts_with_its_formula(name):
    """This also holds if the registry adds a unit to the name."""
    script = "rank.py" if name in RANKING else "score.py"
    formula = re.sub("_(mm|diagonal|nan)$", "", name)
    found = {key for module, key in digests.reached(script, names=(name,)) if "metrics" in module}
    assert formula in found


def test_a_function_that_returns_something_else_changes_every_rule(asked, package):
    """For each script, this changes the first function that it reaches and that returns a value."""
    returns = re.compile(r"^    return (?!not )", re.M)
    for script in sorted({one[0][0] for one in asked}):
        one = next(one for one in asked if one[0][0] == script)
        before = digests.code_of(*one[0], names=one[1], absent=one[2])
        for module, name in sorted(_reached(one)):
            path = package.parent.joinpath(*module.split(".")).with_suffix(".py")
            text = path.read_text() if path.is_file() else ""
            function = re.search(rf"^def {name}\(.*?(?=^\S)", text, re.M | re.S)
            if function and returns.search(function[0]):
                edited = returns.sub("    return not ", function[0])
                path.write_text(text.replace(function[0], edited))
                digests.forget()
                assert digests.code_of(*one[0], names=one[1], absent=one[2]) != before, one
                path.write_text(text)
                digests.forget()
                break


def test_every_rule_with_a_script_has_a_digest_of_it():
    for path in (ROOT / "rules").glob("*.smk"):
        bodies = re.findall(
            r"^(?:rule|checkpoint) \w+:\n(?:(?:    |#).*\n|\n)+", path.read_text(), re.M
        )
        for body in bodies:
            if code := re.search(r'(script|notebook):\n\s+"(?:.*/)?(.*?)"', body):
                own = re.search(rf"digest=.*{re.escape(code[2])}|digest=\w+_digest", body, re.S)
                # `complete_rules` gives a rule with a script, and without `digest=`, that of it.
                assert own or (code[1] == "script" and "digest=" not in body)


def test_null_baselines_do_not_depend_on_classifiers(asked):
    for one in asked:
        if one[0][0] == "explain.py" and one[2] == ("model",):
            found = {module for module, _ in _reached(one)}
            assert not {m for m in found if m.startswith("fidelity.classifiers.weights")}


def _reached(one: Asked) -> set[tuple[str, str]]:
    return digests.reached(*one[0], names=one[1], absent=one[2])


def test_our_own_format_does_not_depend_on_foreign_checkpoints(asked):
    one = next(one for one in asked if one[0] == ("predict.py",))
    parts = ("foreign", "file_facts", "header")
    assert not {module for module, _ in _reached(one) if module.endswith(parts)}


def test_presentation_stands_behind_no_computing_rule(asked):
    shown = (
        "figure.py",
        "../notebooks",
        "verdict",
        "format_tables",
        "explorer",
        "paper",
        "study_page",
        "summary_over",
        "prov",
        "unit",
    )
    for one in asked:
        if not one[0][0].startswith(shown):
            found = {f"{m}.{n}" for m, n in _reached(one) if m.split(".")[1] in PRESENTATION}
            assert not found, f"{one[0]} reaches {sorted(found)}"


def test_every_registered_module_exists():
    for method in METHODS.values():
        assert modules.is_module(f"fidelity.{method.module}")


def test_a_module_that_does_not_exist():
    with pytest.raises(FileNotFoundError):
        digests.code_of("explain.py", "explainers.nothing")
