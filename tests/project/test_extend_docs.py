"""The examples of docs/extend.md work: each is applied to a copy of the project and run."""

import itertools
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.study.paths import RESTORED
from tests.helpers import ROOT, warm

PARTS = ("Snakefile", "rules", "workflow_scripts", "config", "envs", "profiles", "notebooks")
SIX = ("Data set", "Architecture", "Explainer", "Binarization", "Metric", "Figure")
SECTIONS = (*SIX, "Explainer in the project")
LINES = 30
BLOCK = re.compile(r"^([^\n]*:)\n\n```(\w+)\n(.*?)^```$", re.M | re.S)
BASE = {
    "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
    "classifiers": {"net": {"architecture": "resnet18"}},
    "explainers": {"cam": {"method": "gradcam"}},
}
# Runs before each check: imports the copy's modules, and loads the section's config.
PRELUDE = """
import json, sys
from pathlib import Path
import numpy as np
import yaml
from fidelity import settings
cfg = settings.load(yaml.safe_load(Path("study.yaml").read_text()), "study.yaml")
"""


def _sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", (ROOT / "docs" / "extend.md").read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _blocks(section: str) -> list[tuple[str, str, str]]:
    """List (sentence before the block, language, content)."""
    text = _sections()[section]
    found = BLOCK.findall(text)
    assert len(found) == text.count("```") // 2, "a block has no sentence with a colon above it"
    return found


@dataclass
class Copy:
    """A copy of the project to which one section of the page was applied."""

    folder: Path
    config: dict = field(default_factory=lambda: dict(BASE))

    def follow(self, section: str) -> "Copy":
        for sentence, language, content in _blocks(section):
            named = re.search(r"`([^`]+)`", sentence)
            if sentence.startswith("In the config"):
                self.config |= yaml.safe_load(content)
                continue
            path = self.folder / named[1]
            if language == "diff":
                path.write_text(insert(path.read_text(), content))
            elif sentence.startswith("New file"):
                assert not path.exists(), f"{named[1]} is there already"
                path.write_text(content)
            else:
                assert sentence.startswith("At the end of"), sentence
                path.write_text(f"{path.read_text()}\n\n{content}")
        (self.folder / "study.yaml").write_text(yaml.safe_dump(self.config))
        return self

    def run(self, check: str) -> str:
        """Run code with the copy's library and the section's config as `cfg`."""
        return self._run(["-c", PRELUDE + check])

    def snakemake(self, *arguments: str) -> str:
        return self._run(
            ["-m", "snakemake", "--cores", "1", "--nolock", *arguments]
            + ["--configfile", "study.yaml"]
        )

    def _run(self, command: list[str]) -> str:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "workflow_scripts"),
            "OMP_NUM_THREADS": "1",
        }
        result = warm.run(command, self.folder, environment)
        assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
        return result.stdout


def insert(text: str, diff: str) -> str:
    """Insert the + lines of a diff below the line before them, which must occur exactly once."""
    lines, place = text.splitlines(), None
    for line in diff.splitlines():
        if line.startswith("+"):
            assert place is not None, "a + line has no line above it"
            place += 1
            lines.insert(place, line[1:])
        else:
            assert lines.count(line[1:]) == 1, f"{line[1:]!r} is not there once"
            place = lines.index(line[1:])
    return "\n".join(lines) + "\n"


@pytest.fixture
def project(tmp_path) -> Copy:
    for part in PARTS:
        source, target = ROOT / part, tmp_path / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return Copy(tmp_path)


def test_the_six_extension_points_are_there():
    assert set(SECTIONS) <= set(_sections())


@pytest.mark.parametrize("section", SECTIONS)
def test_each_takes_under_thirty_lines(section):
    code = [content for _, language, content in _blocks(section)]
    assert code
    assert sum(len(block.splitlines()) for block in code) < LINES


def test_lines_go_under_the_line_that_is_named():
    assert insert("a\nb\nc\n", " b\n+x\n+y\n") == "a\nb\nx\ny\nc\n"
    with pytest.raises(AssertionError, match="not there once"):
        insert("a\na\n", " a\n+x\n")


def test_data_set(project):
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (project.folder / "flat" / folder).mkdir(parents=True)
    for split, sick in itertools.product(("train", "val", "test"), (True, False)):
        name = f"{split}-p{split}{sick}-1.png"
        image = rng.integers(0, 255, (40, 40)).astype(np.uint8)
        cv2.imwrite(str(project.folder / "flat" / "images" / name), image)
        if sick:
            mask = np.zeros((40, 40), np.uint8)
            mask[10:20, 10:20] = 255
            cv2.imwrite(str(project.folder / "flat" / "masks" / name), mask)
    project.follow("Data set")
    project.snakemake("results/mine/cases.csv")
    lines = (project.folder / "results" / "mine" / "cases.csv").read_text().splitlines()
    assert len(lines) == 7
    assert sum("Pneumonia" in line for line in lines[1:]) == 3
    assert sum("masks/" in line for line in lines[1:]) == 3


NETWORK = """
import torch
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Task
from fidelity.explainers.registry import method_of
import importlib
name, entry = next(iter(cfg.classifiers.items()))
torch.manual_seed(0)
network = build(entry.architecture, 3, plugins=cfg.plugins)
classifier = Classifier(network, entry.architecture, ("A", "B", "C"), image_size=64).eval()
image = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
case = PreparedCase("c", "c", "test", ("A",), image, None, (64, 64), (0, 0, 64, 64), {}, None, "")
def explained(key, target=0):
    entry = cfg.explainers[key]
    method = method_of(entry.method)
    module = importlib.import_module(f"fidelity.{method.module}")
    context = Context(classifier, 2, 1, entry.method, plugins=cfg.plugins)
    make = module.make(context, entry)
    return make([Task(case, "A", target)])[0].map.values
"""


def test_architecture(project):
    printed = project.follow("Architecture").run(
        NETWORK
        + """
assert classifier(classifier.preprocess(image[None])).shape == (1, 3)
print(explained("gradcam").shape)
"""
    )
    assert printed.split() == ["(31,", "31)"]
    planned = project.snakemake("-n", "results/demo/small/model.safetensors")
    assert re.search(r"^train\s+1$", planned, re.M)


@pytest.mark.parametrize(("section", "power"), [("Explainer", 0.5), (SECTIONS[-1], 1.0)])
def test_explainer(project, section, power):
    """At its largest pixel, the map equals central differences of the logit."""
    project.follow(section).run(
        NETWORK
        + f"""
found = explained("gradient")
assert found.shape == (64, 64)
x = classifier.preprocess(image[None]).double().requires_grad_()
classifier.double()
row, column = np.unravel_index(found.argmax(), found.shape)
steps = []
for channel in range(3):
    h = torch.zeros_like(x)
    h[0, channel, row, column] = 1e-5
    with torch.no_grad():
        steps.append(float(classifier(x + h)[0, 0] - classifier(x - h)[0, 0]) / 2e-5)
expected = np.sum(np.abs(steps)) ** {power}
assert abs(found.max() - expected) < 1e-3 * expected, (found.max(), expected)
"""
    )
    project.snakemake("-n", "results/demo/net/gradient/maps/test-000.h5")


def test_binarization(project):
    project.follow("Binarization").run(
        """
from fidelity.binarizations.apply import binarize
map01 = np.zeros((10, 10), np.float32)
map01[:2] = 0.5
map01[5] = 1.0
mask, threshold = binarize(map01, "dense", cfg.binarizations["mean2"])
assert abs(threshold - 0.4) < 1e-6 and mask.sum() == 30
mask, threshold = binarize(map01, "dense", cfg.binarizations["mean3"])
assert abs(threshold - 0.6) < 1e-6 and mask.sum() == 10
"""
    )
    assert "mean3" in project.snakemake("-n", "results/demo/net/cam/mean3/masks.json")


def test_metric(project):
    project.follow("Metric").run(
        """
from fidelity.metrics import registry
from fidelity.metrics.conventions import PROTOCOLS
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.overlap import Confusion, f2
assert cfg.scores.metrics == ["iou", "f2"]
metric = registry.select(cfg.scores.metrics)[1]
assert (metric.name, metric.direction) == ("f2", "higher")
assert abs(f2(Confusion(tp=6, fp=2, fn=4, tn=88)) - 30 / 48) < 1e-12
from sklearn.metrics import fbeta_score
rng = np.random.default_rng(0)
a, b = rng.random((9, 9)) > 0.5, rng.random((9, 9)) > 0.6
counts = Confusion(*(int(v.sum()) for v in (a & b, ~a & b, a & ~b, ~a & ~b)))
assert abs(f2(counts) - fbeta_score(a.ravel(), b.ravel(), beta=2)) < 1e-12
"""
    )


def test_figure(project):
    project.follow("Figure")
    table = project.folder / "results" / "demo" / "tables" / "localization.csv"
    table.parent.mkdir(parents=True)
    rows = [("lime", "iou", 0.3), ("cam", "iou", 0.2), ("cam", "dice", 0.4)]
    drawn = [dict(zip(("explainer", "metric", "mean"), row, strict=True)) for row in rows]
    LOCALIZATION.frame([{"classifier": "net", **row} for row in drawn]).to_csv(table, index=False)
    # A table without a record of its origin would be refused.
    (project.folder / RESTORED).touch()
    target = "results/demo/figures/net/means.png"
    project.snakemake(target, "--allowed-rules", "figure_means")
    picture = cv2.imread(str(project.folder / target))
    assert picture.shape[1] > 500
    assert (picture < 100).any()
