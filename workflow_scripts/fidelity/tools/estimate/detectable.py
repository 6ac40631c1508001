"""Compute the smallest difference between explainers that a study can show, before it runs."""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from fidelity.analysis.aligned_scores import blocks
from fidelity.analysis.localization import class_groups, load_scores
from fidelity.metrics.registry import METRICS
from fidelity.presentation.wording import counted, set_value, value_of
from fidelity.study.job_files import JobFiles
from fidelity.tools.estimate.rules import CountedStudy

POWER = 0.8
# For differences in IoU. Over 16 explainers and baselines on 583 images of COVID-QU-Ex, the median
# over all pairs was .13, and three quarters were below .19 (docs/studies/covid_qu_ex).
ASSUMED_SD = 0.15


@dataclass(frozen=True)
class Finished:
    """Facts from finished results on the differences between explainers.

    Attributes:
        sd: standard deviation of the differences over units of analysis, median over all pairs.
    """

    sd: float
    units: int
    unit: str


def smallest_difference(units: int, pairs: int, sd: float, alpha: float) -> float:
    """Return the difference that statsmodels' paired t test finds with a power of .8.

    Args:
        pairs: number of pairs compared together. The level is that of Holm's first and strictest
            step: alpha divided by this number.
        alpha: level for all pairs together.

    Returns:
        The difference of means, in the unit of `sd`; nan with fewer than three units of analysis.
    """
    if units < 3:
        return np.nan
    # Imported here because the import takes seconds.
    from statsmodels.stats.power import TTestPower

    effect = TTestPower().solve_power(nobs=units, alpha=alpha / pairs, power=POWER)
    return float(effect) * sd


def finished(study: CountedStudy, dataset: str) -> Finished | None:
    """Read the spread of differences from existing scores; None with fewer than two explainers."""
    statistics = study.config.statistics
    files = JobFiles(study)
    known = [
        (files.block_file(block), block)
        for block in study.primary_blocks(dataset)
        if Path(files.block_file(block)).exists()
    ]
    scores = load_scores(*zip(*known, strict=True)) if known else None
    if scores is None or scores.empty:
        return None
    asked = {"cluster": statistics.cluster, "primary": statistics.primary}
    pooled = list(class_groups(scores))[-1]  # all classes together, if there are several
    found = []
    for block in blocks(scores, asked | {"compared": [statistics.primary]}):
        if (block.head["split"], block.head["class"]) != (study.judged_split, pooled):
            continue
        for a, b in combinations(block.values.values(), 2):
            differences = block.unit_means(a - b)[:, 0]
            defined = differences[np.isfinite(differences)]
            if len(defined) > 1:
                found.append((float(defined.std(ddof=1)), len(defined), block.unit))
    if not found:
        return None
    deviations, sizes, units = zip(*found, strict=True)
    return Finished(float(np.median(deviations)), max(sizes), units[0])


def detectable(study: CountedStudy) -> list[str]:
    """Return text on the smallest difference that each data set can show, and on its computation.

    Returns:
        Lines to print. A data set has none if no explainers are compared. It also has none if the
        metric is a distance and there are no results to read its spread from.
    """
    statistics, lines = study.config.statistics, []
    metric = METRICS[statistics.primary]
    compared = len(study.explainers_of(study.shown[0]))
    pairs = compared * (compared - 1) // 2
    chosen = [name for name in study.counts if name in study.studies] if pairs else []
    for dataset in chosen:
        known = finished(study, dataset)
        if known is None and metric.unit != "1":
            continue
        units = known.units if known else study.counts[dataset].maps[study.judged_split]
        sd = known.sd if known else ASSUMED_SD
        found = smallest_difference(units, pairs, sd, statistics.alpha)
        alone = smallest_difference(units, 1, sd, statistics.alpha)
        if np.isnan(found):
            continue
        origin = "median over pairs of the finished results" if known else "assumed"
        lines.append(
            f"{dataset}: {counted(units, known.unit if known else 'image')} and "
            f"{compared} explainers ({counted(pairs, 'pair')}) can show a difference in "
            f"{metric.title} of {value_of(metric.name, found)}; a single pair, of "
            f"{value_of(metric.name, alone)} (standard deviation of the differences "
            f"{value_of(metric.name, sd)}, {origin})."
        )
    if lines:
        lines.append(
            f"This is the least difference that a paired t test finds with a power of "
            f"{set_value(POWER)} at the level {set_value(statistics.alpha)}, divided by the number"
            " of pairs as in the first step of Holm's correction (statsmodels' TTestPower)."
        )
    return lines
