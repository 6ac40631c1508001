"""Write docs/results.md from a re-analysis of the study's units.

    make reanalyse STUDY=docs/studies/covid_qu_ex/units
    python docs/write_results.py reanalysis

The text is the template docs/studies/covid_qu_ex/results.md.j2. A test computes every number again
from the scores of the cases.
"""

import argparse
import shutil
import statistics
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity.presentation.wording import (  # noqa: E402
    digits_of,
    number,
    p_cell,
    with_interval,
)
from fidelity.study import paths  # noqa: E402

STUDY = ROOT / "docs" / "studies" / "covid_qu_ex"
PAGE = ROOT / "docs" / "results.md"
# Figure of the first training → its copy.
FIGURES = {"forest": "full_forest.png", "sensitivity": "full_ranks.png"}
# Data sets of the study, by input.
FULL, MASKED, HUNDRED = "covid_full", "covid_masked", "covid_hundred"
NETWORKS = {"lite0": "EfficientNet-Lite0", "resnet18": "ResNet-18", "densenet121": "DenseNet-121"}
EXPLAINERS = {
    "lime": "LIME",
    "gradcam": "Grad-CAM",
    "gradcam_depth3": "Grad-CAM, layer at depth 3",
    "integrated_gradients": "Integrated gradients",
}
NULLS = {
    "lung_mask": "Whole lung",
    "lower_lung": "Lower lung",
    "peripheral_lung": "Peripheral lung",
    "mean_mask_lung": "Mean training mask in the lung",
    "mean_mask": "Mean training mask",
    "centre_prior": "Centre prior",
    "edge_map": "Edges of the image",
    "random_superpixels": "Random superpixels",
    "random_cam": "Random CAM",
    "random_lime": "LIME on random weights",
    "random_gradcam": "Grad-CAM on random weights",
}
CEILING = {"unet": "U-Net trained on the masks"}
# Explainers that do not depend on a classifier are in its unit `none`.
OF_CLASSIFIER = (*EXPLAINERS, "random_lime", "random_gradcam")
RULES = {
    "tuned": "tuned threshold",
    "fixed50": "threshold .5",
    "top20": "highest 20 %",
    "otsu": "Otsu",
    "seed_study": "the original study's rule",
}


class Value(NamedTuple):
    """A mean or a difference with its 95 % interval; `p` of a difference is Holm-adjusted."""

    value: float
    low: float
    high: float
    n: int = 0
    p: float = float("nan")


class Results(ABC):
    """The numbers of the study on its test images, by data set, training and explainer."""

    @abstractmethod
    def trainings(self, dataset: str) -> Sequence[str]:
        """List the finished trainings of a data set, in the order of the config."""

    @abstractmethod
    def accuracy(self, dataset: str, training: str, split: str = "test") -> Value:
        """Give the accuracy over all classes."""

    @abstractmethod
    def mean(
        self, dataset: str, training: str, explainer: str, rule: str = "tuned", metric: str = "iou"
    ) -> Value:
        """Give the mean of a metric over the annotated test images."""

    @abstractmethod
    def difference(self, dataset: str, training: str, a: str, b: str, rule: str = "tuned") -> Value:
        """Give the mean difference of the IoU, a minus b, over the same images."""

    def above(self, dataset: str, training: str, explainer: str) -> list[str]:
        """List the null baselines whose IoU is shown to be higher than the explainer's."""
        differences = {n: self.difference(dataset, training, n, explainer) for n in NULLS}
        return [n for n, found in differences.items() if found.low > 0 and found.p < 0.05]

    def winner(self, dataset: str, training: str, rule: str = "tuned") -> str:
        """Name which of LIME and Grad-CAM is shown to have the higher IoU; empty if neither."""
        found = self.difference(dataset, training, "lime", "gradcam", rule)
        if found.p >= 0.05 or found.low <= 0 <= found.high:
            return ""
        return "lime" if found.value > 0 else "gradcam"

    def spread(self, dataset: str, network: str, explainer: str) -> float:
        """Give the standard deviation of the mean IoU between the trainings of one network."""
        trainings = [t for t in self.trainings(dataset) if network_of(t) == network]
        return statistics.stdev(self.mean(dataset, t, explainer).value for t in trainings)


class Tables(Results):
    """The numbers as the tables of a re-analysis have them."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder of the re-analysis."""
        self.folder = folder

    @cached_property
    def _tables(self) -> Mapping[str, pd.DataFrame]:
        found: dict[str, pd.DataFrame] = {}
        for name in ("localization", "comparisons", "classification"):
            files = [
                self.folder / paths.table(name).format(dataset=dataset)
                for dataset in (FULL, MASKED, HUNDRED)
            ]
            table = pd.concat([pd.read_csv(file) for file in files if file.exists()])
            if "protocol" in table:
                table = table.query("split == 'test' and protocol == 'default'")
            found[name] = table
        return found

    def _row(self, name: str, **wanted: str) -> pd.Series | None:
        table = self._tables[name]
        for column, value in wanted.items():
            table = table[table[column] == value]
        return None if table.empty else table.squeeze(axis=0)

    def trainings(self, dataset: str) -> Sequence[str]:
        """See `Results`."""
        table = self._tables["classification"]
        names = table.loc[table["dataset"] == dataset, "classifier"].unique()
        order = list(NETWORKS)
        return sorted(names, key=lambda name: (order.index(network_of(name)), name))

    def accuracy(self, dataset: str, training: str, split: str = "test") -> Value:
        """See `Results`."""
        wanted = {"dataset": dataset, "classifier": training, "split": split, "class": "all"}
        row = self._row("classification", metric="accuracy", **wanted)
        return Value(row["value"], row["ci_low"], row["ci_high"], row["n"])

    def mean(
        self, dataset: str, training: str, explainer: str, rule: str = "tuned", metric: str = "iou"
    ) -> Value:
        """See `Results`."""
        row = self._row(
            "localization",
            dataset=dataset,
            classifier=training if explainer in OF_CLASSIFIER else "none",
            explainer=explainer,
            binarization=rule,
            metric=metric,
        )
        return Value(row["mean"], row["ci_low"], row["ci_high"], row["n"])

    def difference(self, dataset: str, training: str, a: str, b: str, rule: str = "tuned") -> Value:
        """See `Results`."""
        wanted = {"dataset": dataset, "classifier": training, "binarization": rule, "metric": "iou"}
        row = self._row("comparisons", explainer_a=a, explainer_b=b, **wanted)
        sign = 1
        if row is None:
            row, sign = self._row("comparisons", explainer_a=b, explainer_b=a, **wanted), -1
        low, high = sorted((sign * row["ci_low"], sign * row["ci_high"]))
        return Value(sign * row["mean_difference"], low, high, row["n"], row["p_adjusted"])


def network_of(training: str) -> str:
    """Give the network of a training: "lite0" of "lite0-s1"."""
    return training.split("-")[0]


def title_of(training: str) -> str:
    """Give the title of a training: "EfficientNet-Lite0, training 1"."""
    network, _, seed = training.partition("-s")
    return NETWORKS[network] + (f", training {seed}" if seed else "")


def shown(found: Value, metric: str = "iou", *, sign: bool = False) -> str:
    """Write a value with its interval."""
    digits = digits_of(metric)
    if not sign:
        return with_interval(found.value, found.low, found.high, digits)
    low, high = (number(v, digits, sign=True) for v in (found.low, found.high))
    return f"{number(found.value, digits, sign=True)} [{low}, {high}]"


def render(results: Results) -> str:
    """Fill the page in."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(STUDY),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "study": results,
        "shown": shown,
        "number": number,
        "p": lambda found: p_cell(found.p),
        "title_of": title_of,
        "network_of": network_of,
        "FULL": FULL,
        "MASKED": MASKED,
        "HUNDRED": HUNDRED,
        "NETWORKS": NETWORKS,
        "EXPLAINERS": EXPLAINERS,
        "NULLS": NULLS,
        "CEILING": CEILING,
        "RULES": RULES,
    }
    return environment.get_template("results.md.j2").render()


def main() -> None:
    """Write the page and copy the figures."""
    parser = argparse.ArgumentParser(description="Write docs/results.md.")
    parser.add_argument("results", type=Path, help="the folder of the re-analysis")
    folder = parser.parse_args().results
    results = Tables(folder)
    PAGE.write_text(render(results), encoding="utf-8")
    first = results.trainings(FULL)[0]
    for name, copy in FIGURES.items():
        figure = folder / paths.figure(name).format(dataset=FULL, classifier=first)
        shutil.copy(figure, ROOT / "docs" / "images" / copy)


if __name__ == "__main__":
    main()
