"""Write docs/results.md, its figures and the primary rows of all tables from a re-analysis.

    make reanalyse STUDY=docs/studies/covid_qu_ex/units
    python docs/write_results.py reanalysis

The text is the template docs/studies/covid_qu_ex/results.md.j2; titles are those of the study's
config. A test recomputes every number from the scores of the cases.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

import reanalyse  # noqa: E402
from fidelity.analysis.localization import DEFAULT_PROTOCOL  # noqa: E402
from fidelity.base.files import read_csv, read_parquet, write_parquet  # noqa: E402
from fidelity.presentation import titles  # noqa: E402
from fidelity.presentation.wording import (  # noqa: E402
    FACTS,
    digits_of,
    number,
    p_cell,
    percent,
    with_interval,
)
from fidelity.settings.reading import load_file  # noqa: E402
from fidelity.statistics.resampling import mean_intervals  # noqa: E402
from fidelity.study import paths  # noqa: E402
from fidelity.study.study import Study  # noqa: E402

TEXTS = ROOT / "docs" / "studies" / "covid_qu_ex"
PAGE = ROOT / "docs" / "results.md"
# Covariates of the failure model, in words; without the view, because all images have the same.
KNOWN = {term: title for term, title in FACTS.items() if "view" not in term}
# Properties of the lesions, which the packed units do not contain.
LESIONS = TEXTS / "lesions.csv"
# Part of the study, which is a folder of units → its config, and its data set in the config.
PARTS = {
    "full": ("full_study.yaml", "covid_full"),
    "masked": ("full_study_masked.yaml", "covid_masked"),
    "hundred": ("full_study_hundred.yaml", "covid_hundred"),
}
DATASET = PARTS["full"][1]
# Figure of the first training → its copy in docs/images.
FIGURES = {
    "forest": "full_forest.png",
    "sensitivity": "full_ranks.png",
    "failure_model": "full_failure_model.png",
}
# A paragraph or a bullet: neither a heading nor a table.
BLOCK = re.compile(r"^(?![|#\s]).+(?:\n(?!- |[|#\n]).+)*", re.MULTILINE)


class Value(NamedTuple):
    """A mean or a difference with its 95 % interval.

    A difference has a Holm-adjusted `p`. It is `claimed` if the verdict calls it higher or lower.
    """

    value: float
    low: float
    high: float
    n: int = 0
    p: float = float("nan")
    claimed: bool = False


class Results(ABC):
    """The numbers of a part of the study on its test images, by training and explainer.

    Attributes:
        dataset: key of the part's data set.
        study: all trainings of the config, finished or not.
    """

    def __init__(self, part: str = "full") -> None:
        """Read the config of one of `PARTS`."""
        config, self.dataset = PARTS[part]
        self.study = Study(load_file(ROOT / "config" / config, check_files=False))

    @abstractmethod
    def finished(self) -> Sequence[str]:
        """List the trainings that have results, in any order."""

    @abstractmethod
    def accuracy(self, training: str, split: str = "test") -> Value:
        """Return the accuracy over all classes."""

    @abstractmethod
    def mean(
        self, training: str, explainer: str, rule: str = "tuned", metric: str = "iou"
    ) -> Value:
        """Return the mean of a metric over the annotated test images."""

    @abstractmethod
    def difference(self, training: str, a: str, b: str, rule: str = "tuned") -> Value:
        """Return the mean difference of the IoU, a minus b, over the same images."""

    @abstractmethod
    def coefficient(self, explainer: str, fact: str) -> Value:
        """Return the change of the IoU per standard deviation of a covariate."""

    @abstractmethod
    def by_case(self, training: str, explainer: str, rule: str = "tuned") -> pd.DataFrame:
        """Return the scores of each annotated test image, by case."""

    @abstractmethod
    def mean_of(self, values: pd.Series) -> Value:
        """Return the mean of a value over images."""

    @abstractmethod
    def faithfulness(self, training: str, explainer: str, metric: str) -> Value:
        """Return the mean of a faithfulness metric over the test images."""

    @abstractmethod
    def randomised(self, training: str, explainer: str) -> Value:
        """Return the mean rank correlation of the maps with those of a network without training."""

    @abstractmethod
    def within(self, training: str, explainer: str, metric: str) -> float:
        """Return Spearman's correlation of IoU and a faithfulness metric over the test images."""

    def measured(self, training: str) -> list[str]:
        """List the explainers and null baselines whose faithfulness is defined."""
        names = [explainer for _, explainer in self.study.explainers_of(training)]
        return [e for e in names if self.faithfulness(training, e, "insertion_auc").n]

    def faithful_order(self, training: str, metric: str) -> float:
        """Compute Spearman's correlation of the IoU and a faithfulness metric over explainers.

        Each of `measured` counts once, with its means over the test images.
        """
        names = self.measured(training)
        overlap = [self.mean(training, name).value for name in names]
        faithful = [self.faithfulness(training, name, metric).value for name in names]
        return float(pd.Series(overlap).corr(pd.Series(faithful), method="spearman"))

    @property
    def checked(self) -> list[str]:
        """The explainers with a sanity check."""
        return list(self.study.config.sanity.explainers)

    def rank_correlation(self, training: str, explainer: str, fact: str) -> float:
        """Compute Spearman's correlation of the IoU with a property of the lesions."""
        facts = read_csv(LESIONS, dtype={"case": str}).set_index("case")[fact]
        return self.by_case(training, explainer)["iou"].corr(facts, method="spearman")

    def marked(self, training: str, explainer: str) -> float:
        """Compute the share of the image that the masks cover, averaged over the images.

        A mask wholly outside the reference is left out, because its size cannot be derived from its
        scores.
        """
        rows = self.by_case(training, explainer)
        # precision = hit / marked, and recall = hit / reference.
        pixels = rows["recall"] * rows["reference_area"] / rows["precision"]
        return (pixels.mask(rows["empty_prediction"], 0) / rows["image_area"]).mean()

    def infected(self) -> float:
        """Compute the share of the image that the infection masks cover, as a mean over images."""
        rows = self.by_case(self.trainings[0], "lime")
        return (rows["reference_area"] / rows["image_area"]).mean()

    def strongest(self, explainer: str) -> str:
        """Name the covariate with the largest coefficient."""
        return max(KNOWN, key=lambda fact: abs(self.coefficient(explainer, fact).value))

    @property
    def trainings(self) -> list[str]:
        """The finished trainings, in the order of the config."""
        return [name for name in self.study.classifiers if name in self.finished()]

    def unit_of(self, training: str, explainer: str) -> str:
        """Return the unit that has an explainer's scores: the training, or `none`."""
        return {e: unit for unit, e in self.study.explainers_of(training)}[explainer]

    @property
    def trusted(self) -> list[str]:
        """The finished trainings that allow a conclusion."""
        least = self.study.config.statistics.least_accuracy
        return [name for name in self.trainings if self.accuracy(name).value >= least]

    @property
    def nulls(self) -> list[str]:
        """The null baselines."""
        return [name for name, family in self.study.families.items() if family == "baseline"]

    def above(self, training: str, explainer: str) -> list[str]:
        """List the null baselines whose IoU is shown to be higher than the explainer's."""
        return [name for name in self.nulls if self.leads(name, explainer, [training], "tuned")]

    def below(self, training: str, null: str, explainers: Sequence[str]) -> list[str]:
        """List the explainers whose IoU is shown to be lower than a null baseline's."""
        return [name for name in explainers if null in self.above(training, name)]

    def leads(self, explainer: str, other: str, trainings: Sequence[str], *rules: str) -> int:
        """Count the trainings and binarizations in which one IoU is shown to be higher."""
        found = [self.difference(t, explainer, other, rule) for t in trainings for rule in rules]
        return sum(each.claimed and each.value > 0 for each in found)

    def over_networks(self, a: str, b: str, rule: str = "tuned") -> Value:
        """Average the difference of the IoU, a minus b, over the networks of `trusted`.

        Each network counts once: the trainings of a network are averaged first, for each image.
        """
        by_network: dict[str, list[pd.Series]] = {}
        for training in self.trusted:
            ious = [self.by_case(training, explainer, rule)["iou"] for explainer in (a, b)]
            by_network.setdefault(self.study.bases[training], []).append(ious[0] - ious[1])
        means = [pd.concat(each, axis=1).mean(axis=1) for each in by_network.values()]
        return self.mean_of(pd.concat(means, axis=1).mean(axis=1))

    def equivalent(self, a: str, b: str, trainings: Sequence[str]) -> int:
        """Count the trainings in which two explainers have equivalent IoU (tuned threshold)."""
        margin = self.study.config.statistics.margin
        found = [self.difference(t, a, b) for t in trainings]
        return sum(not d.claimed and -margin < d.low and d.high < margin for d in found)

    def unconfirmed(self, a: str, b: str, trainings: Sequence[str], *rules: str) -> int:
        """Count the differences whose interval excludes 0, but which are not shown."""
        found = [self.difference(t, a, b, rule) for t in trainings for rule in rules]
        return sum(not each.claimed and not each.low <= 0 <= each.high for each in found)

    def repeated(self) -> dict[str, list[str]]:
        """List the finished trainings of each network with several of them."""
        found: dict[str, list[str]] = {}
        for training in self.trainings:
            found.setdefault(self.study.bases[training], []).append(training)
        return {network: names for network, names in found.items() if len(names) > 1}

    def spread(self, trainings: Sequence[str], explainer: str) -> float:
        """Compute the standard deviation of the mean IoU between trainings."""
        return statistics.stdev(self.mean(name, explainer).value for name in trainings)

    def beyond_spread(self, trainings: Sequence[str]) -> int:
        """Count trainings in which LIME and Grad-CAM differ more than the trainings of one network.

        Compares the size of their difference with the larger of the two spreads.
        """
        found = (abs(self.difference(name, "gradcam", "lime").value) for name in trainings)
        spread = max(self.spread(trainings, explainer) for explainer in ("lime", "gradcam"))
        return sum(size > spread for size in found)


class Tables(Results):
    """The numbers from the tables of a re-analysis."""

    def __init__(self, folder: Path, part: str = "full") -> None:
        """Store the folder of the re-analysis."""
        super().__init__(part)
        self.folder = folder

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        folder = self.folder / paths.TABLES.format(dataset=self.dataset)
        return {file.stem: pd.read_csv(file) for file in folder.glob("*.csv")}

    def _row(self, name: str, **wanted: str) -> pd.Series | None:
        table = self._tables[name]
        for column, value in wanted.items():
            table = table[table[column] == value]
        return None if table.empty else table.squeeze(axis=0)

    def finished(self) -> Sequence[str]:
        """See `Results`."""
        tables = self._tables
        return set(tables["classification"]["classifier"]) if tables else set()

    def accuracy(self, training: str, split: str = "test") -> Value:
        """See `Results`."""
        wanted = {"classifier": training, "split": split, "class": "all", "metric": "accuracy"}
        row = self._row("classification", **wanted)
        return Value(row["value"], row["ci_low"], row["ci_high"], row["n"])

    def mean(
        self, training: str, explainer: str, rule: str = "tuned", metric: str = "iou"
    ) -> Value:
        """See `Results`."""
        row = self._row(
            "localization",
            split="test",
            protocol="default",
            classifier=self.unit_of(training, explainer),
            explainer=explainer,
            binarization=rule,
            metric=metric,
        )
        return Value(row["mean"], row["ci_low"], row["ci_high"], row["n"])

    def difference(self, training: str, a: str, b: str, rule: str = "tuned") -> Value:
        """See `Results`."""
        wanted = {"split": "test", "protocol": "default", "metric": "iou"}
        wanted |= {"classifier": training, "binarization": rule}
        row = self._row("comparisons", explainer_a=a, explainer_b=b, **wanted)
        if row is None:
            found = self.difference(training, b, a, rule)
            return found._replace(value=-found.value, low=-found.high, high=-found.low)
        ends = row["ci_low"], row["ci_high"]
        claimed = row["conclusion"] in ("a_higher", "b_higher")
        return Value(row["mean_difference"], *ends, row["n"], row["p_adjusted"], claimed)

    def coefficient(self, explainer: str, fact: str) -> Value:
        """See `Results`."""
        row = self._row("failure_model", explainer=explainer, term=fact)
        return Value(row["estimate"], row["ci_low"], row["ci_high"], row["n"], row["p_value"])

    def faithfulness(self, training: str, explainer: str, metric: str) -> Value:
        """See `Results`."""
        wanted = {"classifier": training, "explainer": explainer, "metric": metric}
        row = self._row("faithfulness", split="test", **wanted)
        n = row["n"] - row["n_undefined"]
        return Value(row["mean"], row["ci_low"], row["ci_high"], n)

    def within(self, training: str, explainer: str, metric: str) -> float:
        """See `Results`."""
        wanted = {"classifier": training, "explainer": explainer, "metric": metric}
        return self._row("faithfulness", split="test", **wanted)["spearman"]

    def randomised(self, training: str, explainer: str) -> Value:
        """See `Results`."""
        wanted = {"classifier": training, "explainer": explainer, "similarity": "spearman"}
        table = self._tables["sanity"].query("test == 'parameters' and parameters_share == 1")
        for column, value in wanted.items():
            table = table[table[column] == value]
        row = table.squeeze(axis=0)
        n = row["n"] - row["n_undefined"]
        return Value(row["mean"], row["ci_low"], row["ci_high"], n)

    def by_case(self, training: str, explainer: str, rule: str = "tuned") -> pd.DataFrame:
        """See `Results`."""
        names = {"classifier": self.unit_of(training, explainer), "explainer": explainer}
        names |= {"binarization": rule, "protocol": DEFAULT_PROTOCOL}
        rows = read_parquet(self.folder / paths.SCORES.format(dataset=self.dataset, **names))
        return rows[rows["split"] == "test"].set_index("case")

    def mean_of(self, values: pd.Series) -> Value:
        """See `Results`."""
        chosen = self.study.config.statistics
        (found,) = mean_intervals(
            values,
            values.index.to_numpy(dtype=str),
            replicates=chosen.replicates,
            alpha=chosen.alpha,
            seed=self.study.config.seed,
        )
        return Value(found.mean, found.low, found.high, len(values))


def shown(found: Value, metric: str = "iou", *, sign: bool = False) -> str:
    """Write a value with its interval."""
    return with_interval(found.value, found.low, found.high, digits_of(metric), sign=sign)


def render(results: Results, masked: Results, hundred: Results) -> str:
    """Fill in the page from the parts: full images, lung-masked ones, and 100 of the full ones."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEXTS),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "shown": shown,
        "number": number,
        "p_cell": partial(p_cell, alpha=results.study.config.statistics.alpha),
        "percent": percent,
        "facts": KNOWN,
        "titles": titles.display(results.study, DATASET),
        "explainers": titles.display(hundred.study, hundred.dataset)["explainers"],
    }
    page = environment.get_template("results.md.j2").render(
        results=results, study=results.study, masked=masked, hundred=hundred
    )
    # Every second part is code.
    parts = page.split("```")
    return "```".join([wrapped(part) if n % 2 == 0 else part for n, part in enumerate(parts)])


def wrapped(text: str) -> str:
    """Wrap the paragraphs and bullets of a Markdown text at 100 columns."""
    return BLOCK.sub(lambda found: _filled(found[0]), text)


def _filled(block: str) -> str:
    indent = "  " if block.startswith("- ") else ""
    options = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.fill(" ".join(block.split()), 100, subsequent_indent=indent, **options)


def primary_rows(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Keep the rows of the study's primary comparison, as far as the table has such columns."""
    primary = {
        "split": "test",
        "protocol": DEFAULT_PROTOCOL,
        "binarization": study.primary_binarization,
        "metric": study.config.statistics.primary,
    }
    for column, value in primary.items():
        if column in table and (table[column] == value).any():
            table = table[table[column] == value]
    return table


def model_failures(folder: Path, training: str) -> None:
    """Add the failure model to the re-analysis: its table and its figure."""
    lesions = folder / paths.LESIONS.format(dataset=DATASET)
    write_parquet(read_csv(LESIONS, dtype={"case": str, "patient": str}), lesions)
    targets = paths.table("failure_model"), paths.figure("failure_model")
    targets = [target.format(dataset=DATASET, classifier=training) for target in targets]
    words = reanalyse.command(folder / "config.yaml", folder, "1", targets)
    subprocess.run([*words, "--config", "failure_model=true"], check=True)


def main() -> None:
    """Write the page and the tables, and copy the figures."""
    parser = argparse.ArgumentParser(description="Write docs/results.md, its tables and figures.")
    parser.add_argument("results", type=Path, help="the folder of the re-analysis")
    folder = parser.parse_args().results.resolve()
    model_failures(folder, Tables(folder).trainings[0])
    results = Tables(folder)  # with the failure model
    text = render(results, Tables(folder, "masked"), Tables(folder, "hundred"))
    PAGE.write_text(text, encoding="utf-8")
    for table in sorted((folder / paths.TABLES.format(dataset=DATASET)).glob("*.csv")):
        # Read as text, so that numbers stay as they are written.
        rows = primary_rows(pd.read_csv(table, dtype=str, keep_default_na=False), results.study)
        rows.to_csv(TEXTS / "tables" / table.name, index=False)
    for name, copy in FIGURES.items():
        figure = paths.figure(name).format(dataset=DATASET, classifier=results.trainings[0])
        shutil.copy(folder / figure, ROOT / "docs" / "images" / copy)


if __name__ == "__main__":
    main()
