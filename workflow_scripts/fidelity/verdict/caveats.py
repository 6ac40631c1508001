"""What the results depend on: unit, seeds, classifier, empty and failed cases, other metrics."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from fidelity.analysis.localization import (
    ALL_CLASSES,
    DEFAULT_PROTOCOL,
    keep_test_split,
    primary_setting,
)
from fidelity.analysis.training_seeds import concluding_seeds
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation.titles import classifier_title, dataset_title, explainer_title
from fidelity.presentation.wording import (
    counted,
    listed,
    p_value,
    set_value,
    titled_value,
    value_of,
)
from fidelity.verdict.classifier import classifier_quality
from fidelity.verdict.compared_pair import Comparison, cannot_show, metric_by_metric
from fidelity.verdict.evidence import Evidence, rows_of
from fidelity.verdict.structure import Group, Section, Sentence, note, warning

# With fewer superpixels, one covers over a tenth of the image, more than most lesions.
FEW_SUPERPIXELS = 10
# Below this test Dice, predicted lungs are too unreliable; published U-Nets reach .98.
WEAK_LUNGS = 0.9
_BETTER = {"better": "better", "worse": "worse"}


def foundations(evidence: Evidence) -> Section:
    """State what qualifies every answer of the chapter."""
    told = [
        *_unit(evidence),
        *classifier_quality(evidence),
        *_lungs(evidence),
        *_superpixels(evidence),
        *_seeds(evidence),
        *_empty_and_failed(evidence),
        *_at_the_floor(evidence),
    ]
    return Section("What do the answers rest on?", [Group("", told)])


def mean_ranks(evidence: Evidence) -> Section:
    """State the mean ranks of the primary setting, and whom the critical difference separates."""
    table = keep_test_split(evidence.tables.ranks)
    chosen = _primary_rows(table, evidence)
    told = []
    for cls in sorted(evidence.classes, key=lambda name: name != evidence.pooled):
        rows = chosen[chosen["class"] == cls].sort_values("mean_rank", kind="stable")
        if rows["mean_rank"].notna().sum() > 1:
            told.append(_ranks(rows, cls, evidence))
    nothing = note("Fewer than two explainers have ranks.")
    return Section(
        "Who ranks best?",
        [Group("", told or [nothing])],
        "Nemenyi's test compares all ranks at once. It can miss differences that the paired tests "
        "above show."
        if chosen["critical_difference"].notna().any()
        else "",
    )


def secondary(evidence: Evidence) -> Section:
    """State the other metrics of the primary setting, one sentence per pair and metric."""
    statistics = evidence.study.statistics
    chosen: dict[tuple[str, str], list[Comparison]] = {}
    for row in evidence.comparisons:
        if (
            row.cls == evidence.pooled
            and row.family == "secondary"
            and row.protocol == DEFAULT_PROTOCOL
            and row.binarization in (statistics["primary_binarization"], "none")
            and {row.first, row.second} <= set(evidence.subjects)
            and row.outcome != "absent"
        ):
            chosen.setdefault((row.first, row.second), []).append(row)
    told = [
        sentence
        for rows in chosen.values()
        for sentence in metric_by_metric(rows, statistics, title_of, _BETTER, units=False)
    ]
    nothing = note("There are no other metrics of a pair of explainers.")
    return Section(
        "Secondary: what do the other metrics show?",
        [Group("", told or [nothing])],
        "Secondary comparisons add to the primary ones; the study's answer does not rest "
        "on them."
        + " Those listed here are of all classes together."
        * (evidence.pooled == ALL_CLASSES),
    )


def _primary_rows(table: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    statistics = evidence.study.statistics
    table = primary_setting(rows_of(table, evidence.dataset, evidence.classifier), statistics)
    return table[table["metric"] == statistics["primary"]]


def _ranks(rows: pd.DataFrame, cls: str, evidence: Evidence) -> Sentence:
    without = list(map(explainer_title, rows.loc[rows["mean_rank"].isna(), "explainer"]))
    rows = rows[rows["mean_rank"].notna()]
    first, unit = rows.iloc[0], evidence.unit
    names = [
        f"{explainer_title(row.explainer)} {value_of('mean_rank', row.mean_rank)}"
        for row in rows.itertuples()
    ]
    where = "Over all classes" if cls == "all" else f"In class {cls}"
    text = f"{where}, the mean ranks (1 is best; {counted(int(first['n_patients']), unit)}) are "
    text += f"{listed(names)}."
    if without:
        has, it, ranks = ("has", "it", "rank") if len(without) == 1 else ("have", "they", "ranks")
        text += f" {listed(without)} {has} no value for any case, so {it} {has} no {ranks}."
    if not np.isnan(first["friedman_p"]):
        statistic = value_of("friedman_statistic", first["friedman_statistic"])
        text += f" Friedman's test of equal ranks: χ² = {statistic}, p"
        text += f" {p_value(first['friedman_p'], evidence.study.statistics['alpha'])}."
    difference = float(first["critical_difference"])
    if not np.isnan(difference):
        near = rows["mean_rank"] - first["mean_rank"] < difference
        tied = list(map(explainer_title, rows.loc[near, "explainer"]))[1:]
        several = (rows["mean_rank"] == first["mean_rank"]).sum() > 1
        shown = value_of("critical_difference", difference)
        text += f" Nemenyi's test: ranks closer than {shown} do not differ significantly."
        if tied:
            best = explainer_title(first["explainer"])
            best = best if several else f"the best, {best},"
            text += f" So by this test, {best} is not shown to differ from {listed(tied)}."
    facts_of = {
        "class": cls,
        "mean_ranks": dict(zip(rows["explainer"], rows["mean_rank"], strict=True)),
        "friedman_p": float(first["friedman_p"]),
        "critical_difference": difference,
        "n_units": int(first["n_patients"]),
    }
    return Sentence(text, "note", "primary", facts_of)


def _unit(evidence: Evidence) -> Iterator[Sentence]:
    """State the unit of analysis."""
    rows = [row for row in evidence.primary(evidence.pooled) if row.n_units]
    if not rows:
        return
    unit, counts = rows[0].unit, sorted({row.n_units for row in rows})
    span = f"{counts[0]} to " * (len(counts) > 1) + counted(counts[-1], unit)
    several = any(row.n_units < row.n for row in rows)
    what = _unit_words(unit, several, evidence.study.statistics["cluster"] == "case")
    yield note(f"{what} ({span}).", unit=unit, n_units=counts[-1])


def powerless(evidence: Evidence) -> Iterator[Sentence]:
    """Warn if there are too few units of analysis for a test."""
    rows = [row for row in evidence.primary(evidence.pooled) if row.n_units]
    alpha = evidence.study.statistics["alpha"]
    weak = [row for row in rows if cannot_show(row.n_units, len(rows), alpha)]
    if weak:
        most = counted(max(row.n_units for row in weak), weak[0].unit)
        pairs = counted(len(rows), "pair")
        text = (
            f"With {most} and {pairs} to correct for, hardly any test can reach significance."
            if len(weak) == len(rows)
            else f"{len(weak)} of {pairs} have at most {most}: hardly any of their tests can reach "
            "significance."
        )
        yield warning(f"{text} “No difference was shown” then means nothing.")


def _unit_words(unit: str, several: bool, requested: bool) -> str:
    """Describe the unit of analysis.

    Args:
        several: whether a unit has several cases.
        requested: whether the config requests images as units.
    """
    if unit == "patient":
        return (
            "The unit of analysis is the patient: intervals resample patients, and differences and "
            "tests average the cases of each patient first"
        )
    why = (
        "statistics.cluster is “case”"
        if requested
        else "the data set does not list patients, or none has two images"
    )
    classes = (
        "An image has one case per class with a reference; differences and tests average these "
        "cases first. "
    )
    return (
        f"{classes * several}The unit of analysis is the image: {why}. If patients have several "
        "images, intervals are too narrow"
    )


def _lungs(evidence: Evidence) -> Iterator[Sentence]:
    """State that the lung masks are predicted, and how well the model segments lungs."""
    table, origin = evidence.tables.lungs, evidence.tables.lungs_from
    if table is None:
        return
    text = (
        "The lung masks are predicted by a U-Net, not outlined by readers. It was trained on the "
        f"lung masks of {dataset_title(origin)}"
    )
    rows = table[table["metric"] == "dice"]
    if rows.empty:
        yield warning(f"{text}. Its quality was not measured.")
        return
    dice, n = float(rows["mean"].iloc[0]), int(rows["n"].iloc[0])
    text += f", with a mean Dice of {value_of('dice', dice)} on its test split"
    text += f" ({counted(n, 'image')})."
    weak = dice < WEAK_LUNGS
    text += (
        f" This is below {set_value(WEAK_LUNGS)}: do not rely on results that depend on the lung."
        if weak
        else " On this data set it was not measured."
    )
    yield (warning if weak else note)(text, lung_dice=dice, n=n)


def _superpixels(evidence: Evidence) -> Iterator[Sentence]:
    """State how many superpixels an image has: masks of very few cannot outline a lesion."""
    table = evidence.tables.stability
    if table is None:
        return
    rows = rows_of(keep_test_split(table), evidence.dataset, evidence.classifier)
    rows = rows[(rows["quantity"] == "superpixels") & rows["explainer"].isin(evidence.real)]
    # If the test split was not explained, use the last of the other splits.
    for row in rows.drop_duplicates("explainer", keep="last").itertuples():
        text = (
            f"The masks of {explainer_title(row.explainer)} are unions of superpixels. An image "
            f"has {set_value(row.median)} superpixels "
            f"(median; minimum {set_value(row.min)}, maximum {set_value(row.max)})"
        )
        few = row.median < FEW_SUPERPIXELS
        if few:
            text += (
                ": too few to outline a lesion. The scores depend on the superpixels as much as "
                "on the explainer. To make the superpixels smaller, set "
                f"explainers.{row.explainer}.superpixels"
            )
        else:
            text += ". So the borders of the masks follow the superpixels, not the lesion"
        told = {"explainer": row.explainer, "median": row.median, "min": row.min, "max": row.max}
        yield (warning if few else note)(f"{text}.", **told)


def _seeds(evidence: Evidence) -> Iterator[Sentence]:
    bases, name = evidence.study.bases, evidence.classifier
    if name not in bases:
        return
    base = bases[name]
    trained = [other for other, of in bases.items() if of == base]
    if len(trained) == 1:
        yield warning(
            "The classifier was trained once (one seed). The intervals do not cover the variation "
            "between trainings.",
            n_seeds=1,
        )
        return
    yield note(
        f"The classifier is one of {len(trained)} trainings "
        f"({listed(map(classifier_title, trained))}); this chapter is only about this one.",
        n_seeds=len(trained),
    )
    tables = evidence.tables
    if tables.seeds is None:
        return
    seeds = concluding_seeds(tables.seeds, tables.localization, bases, evidence.useless)
    spreads = list(_spreads(seeds, base, evidence))
    if bad := [other for other in trained if other in evidence.useless]:
        why, them = "their chapters show why", "them"
        if len(bad) == 1:
            why, them = "its chapter shows why", "it"
        text = f"No conclusion is drawn from {listed(map(classifier_title, bad))}: {why}."
        text += f" The sentences below leave {them} out." * bool(spreads)
        yield warning(text, useless=bad)
    yield from spreads


def _spreads(seeds: pd.DataFrame, base: str, evidence: Evidence) -> Iterator[Sentence]:
    """State how far the means differ between the trainings of a classifier."""
    name = evidence.classifier
    rows = _primary_rows(
        keep_test_split(seeds).assign(classifier=lambda t: t["classifier"].replace({base: name})),
        evidence,
    )
    for row in rows[rows["class"] == evidence.pooled].itertuples():
        if row.explainer not in evidence.real or np.isnan(row.std_between_seeds):
            continue
        values = {n: getattr(row, n) for n in ("mean", "std_between_seeds", "mean_ci_half_width")}
        mean, std, half = (titled_value(row.metric, v, row.mean) for v in values.values())
        tell = warning if row.std_between_seeds > row.mean_ci_half_width else note
        yield tell(
            f"Over {row.n_seeds} seeds, the mean {title_of(row.metric)} of "
            f"{explainer_title(row.explainer)} is {mean}. The standard deviation between seeds is "
            f"{std}; the interval over cases is ±{half}.",
            explainer=row.explainer,
            **values,
        )


def _at_the_floor(evidence: Evidence) -> Iterator[Sentence]:
    """Warn where equivalence means little, because both means are below the margin."""
    rows, statistics = primary_means(evidence), evidence.study.statistics
    metric = METRICS[statistics["primary"]]
    # For a distance, small means are good, and no pair is called equivalent.
    if metric.direction != "higher" or metric.unit != "1":
        return
    margin = statistics["margin"]
    low = {name: float(mean) for name, mean in rows["mean"].items() if abs(mean) < margin}
    if len(low) < 2 or not set(low) & set(evidence.real):
        return
    parts = [
        f"{explainer_title(name)} {value_of(statistics['primary'], mean)}"
        for name, mean in low.items()
    ]
    yield warning(
        f"The means of {listed(parts)} are below the margin of ±{set_value(margin)}. "
        "“Equivalent” then means only that none of these explainers finds the reference.",
        margin=margin,
        means=low,
    )


def primary_means(evidence: Evidence, cls: str | None = None) -> pd.DataFrame:
    """Return the primary comparison's means of a class (None: pooled), indexed by explainer."""
    statistics = evidence.study.statistics
    rows = primary_setting(evidence.localization, statistics)
    rows = rows[
        (rows["metric"] == statistics["primary"]) & (rows["class"] == (cls or evidence.pooled))
    ]
    rows = rows.set_index("explainer")
    return rows.loc[[name for name in evidence.explainers if name in rows.index]]


def ranked_means(evidence: Evidence, cls: str | None = None) -> pd.DataFrame:
    """Return the rows of `primary_means`, best mean first, undefined means last."""
    higher = METRICS[evidence.study.statistics["primary"]].direction == "higher"
    rows = primary_means(evidence, cls)
    return rows.sort_values("mean", ascending=not higher, kind="stable")


def _empty_and_failed(evidence: Evidence) -> Iterator[Sentence]:
    rows = primary_means(evidence)
    if not (rows["n"] > 0).any():
        if len(rows):
            yield warning("No case has a reference that is not empty, so nothing was scored.")
        yield from _empty_references(rows)
        return
    for column, what, none in (
        (
            "n_empty_prediction",
            "Empty predicted masks with the primary binarization",
            "With the primary binarization, no predicted mask is empty.",
        ),
        (
            "n_undefined",
            "Cases without a defined score",
            "Every case with a reference has a score.",
        ),
    ):
        some = rows[rows[column] > 0]
        parts = [
            f"{explainer_title(name)} ({int(row[column])} of {int(row['n'])})"
            for name, row in some.iterrows()
        ]
        counts = {name: int(row[column]) for name, row in some.iterrows()}
        text = f"{what}: {', '.join(parts)}." if parts else none
        if parts and column == "n_empty_prediction":
            text += " Their overlap with a reference is 0."
        yield (warning if parts else note)(text, **{column: counts})
    yield from _empty_references(rows)


def _empty_references(rows: pd.DataFrame) -> Iterator[Sentence]:
    """Count the cases without a lesion; a second reader may have others than the explainers."""
    counts = {str(name): int(count) for name, count in rows["n_empty_reference"].items()}
    if not any(counts.values()):
        return
    empty = Counter(counts.values()).most_common(1)[0][0]
    others = {name: count for name, count in counts.items() if count != empty}
    apart = ", ".join(f"{explainer_title(name)}: {count}" for name, count in others.items())
    yield note(
        f"{counted(empty, 'case')} with an empty reference mask {'is' if empty == 1 else 'are'}"
        f" not part of the means{f' ({apart})' if apart else ''}.",
        n_empty_reference=empty,
    )
