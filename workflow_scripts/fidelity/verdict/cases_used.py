"""Describe the cases: which were left out, near-duplicates, and the result without these."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fidelity.analysis.localization import keep_test_split
from fidelity.datasets.cases import Case
from fidelity.metrics.registry import title_of
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import all_of, counted, listed, titled_value
from fidelity.verdict.caveats import primary_means
from fidelity.verdict.compared_pair import Comparison, read_rows
from fidelity.verdict.evidence import CaseTables, Evidence, rows_of
from fidelity.verdict.structure import Group, Section, Sentence, note, warning

WORDS = {
    "better": "{a} is better",
    "worse": "{b} is better",
    "equivalent": "equivalent",
    "none_shown": "no difference was shown",
    "absent": "not comparable",
}


def with_cases(section: Section, evidence: Evidence) -> Section:
    """Add to a section how many cases are used, and whether near-duplicates affect the result."""
    tables = evidence.tables.cases
    if tables is None:
        return section
    told = [
        *_references(evidence, tables.cases),
        *_counts(evidence, tables),
        *_pairs(evidence, tables),
        *(warning(f"Warning about the data: {text}.") for text in tables.warnings["warning"]),
    ]
    return replace(section, groups=[*section.groups, Group("Cases", told)])


def _references(evidence: Evidence, cases: Sequence[Case]) -> Iterator[Sentence]:
    """State how references were drawn; a reference belongs to one image and one class."""
    for split in evidence.splits:
        drawn = [case for case in cases if case.split == split]
        masks = sum(cls in case.masks for case in drawn for cls in evidence.classes)
        # If a class has both, the mask is scored.
        boxed = [
            case.boxes[cls]
            for case in drawn
            for cls in evidence.classes
            if cls in case.boxes and cls not in case.masks
        ]
        if not masks and not boxed:
            continue
        boxes, empty = sum(map(len, boxed)), boxed.count(())
        of = f"{counted(boxes, 'box', 'boxes')} in total"
        of += f"; in {empty} nothing was found" if empty else ""
        total = counted(masks + len(boxed), "reference")
        if not boxed:
            text = f"The {split} split has {counted(masks, 'reference mask')}."
        elif not masks:
            text = f"The {split} split has {total} drawn as boxes ({of})."
        else:
            text = (
                f"The {split} split has {counted(masks, 'reference mask')}, and {len(boxed)} more "
                f"references drawn as boxes ({of})."
            )
        if boxed:
            text += " Metrics of masks compare with the filled boxes."
        numbers = {"masks": masks, "boxed": len(boxed), "boxes": boxes, "empty": empty}
        yield note(text, references={"split": split, **numbers})


def _counts(evidence: Evidence, tables: CaseTables) -> Iterator[Sentence]:
    for split, rows in tables.counts.groupby("split", sort=False):
        by_status = {
            status: {row.cause: int(row.n) for row in part.itertuples()}
            for status, part in rows.groupby("status", sort=False)
        }
        used = sum(by_status.get("used", {}).values())
        unusable, excluded, unscored = (
            by_status.get(status, {}) for status in ("unusable", "excluded", "unscored")
        )
        if not (split in evidence.splits or unusable or excluded or unscored):
            continue
        total = used + sum(unusable.values())
        are = "is" if used == 1 else "are"
        if unusable:
            others = "The other one cannot be" if total - used == 1 else "The others cannot be"
            text = f"{used} of {counted(total, 'case')} of the {split} split {are} used. "
            text += f"{others}: {_by_cause(unusable)}."
        else:
            every = "The only image" if used == 1 else all_of(used, "image").capitalize()
            text = f"{every} of the {split} split {are} used."
        scored = sum(
            case.split == split and bool({*case.masks, *case.boxes} & {*evidence.classes})
            for case in tables.cases
        )
        if 0 < scored < used:
            verbs = ("has", "is") if scored == 1 else ("have", "are")
            text += f" {scored} {verbs[0]} a reference and {verbs[1]} scored."
        if excluded:
            text += f" Settings exclude {sum(excluded.values())} more: {_by_cause(excluded)}."
        if unscored:
            text += (
                f" {counted(sum(unscored.values()), 'used case')} with an annotated class cannot be"
                f" scored: {_by_cause(unscored)}."
            )
        tell = warning if unusable or unscored else note
        causes = {"unusable": unusable, "excluded": excluded, "unscored": unscored}
        yield tell(text, split=split, n=used, n_total=total, **causes)


def _by_cause(counts: dict[str, int]) -> str:
    return ", ".join(f"{cause} ({n})" for cause, n in counts.items())


def _pairs(evidence: Evidence, tables: CaseTables) -> Iterator[Sentence]:
    kept = tables.pairs[tables.pairs["excluded"] != "yes"]
    gone = len(tables.pairs) - len(kept)
    if not tables.searched and kept.empty:
        text = "Near-duplicates across splits were not searched for (near_duplicates: off)."
        yield note(text, near_duplicate_pairs=None)
        return
    crossing = {
        f"{a}–{b}": len(part) for (a, b), part in kept.groupby(["split", "twin_split"], sort=False)
    }
    numbers = {"near_duplicate_pairs": len(kept), "by_splits": crossing, "excluded_pairs": gone}
    resolved = f" {counted(gone, 'pair')} more lost one image (near_duplicates: exclude)."
    resolved = resolved if gone else ""
    if kept.empty:
        yield note(f"No near-duplicate pair crosses splits.{resolved}", **numbers, n_cases=0)
        return
    sides = [*zip(kept["case"], kept["split"], strict=True)]
    sides += zip(kept["twin"], kept["twin_split"], strict=True)
    n = sum(split in evidence.splits for _, split in {*sides})
    where = listed(evidence.splits)
    text = (
        f"{counted(len(kept), 'near-duplicate pair')} cross{'es' * (len(kept) == 1)} splits "
        f"({', '.join(f'{name} {count}' for name, count in crossing.items())}); "
        f"{counted(n, 'case')} of the {where} split {'is' if n == 1 else 'are'} in one."
    )
    yield warning(f"{text}{resolved}", **numbers, n_cases=n)
    if n:
        yield from _without(evidence, tables)


def _without(evidence: Evidence, tables: CaseTables) -> Iterator[Sentence]:
    """State the primary result without the cases that have a near-duplicate in another split."""
    statistics = evidence.study.statistics
    primary = statistics["primary"]
    means = keep_test_split(tables.means)
    names = [evidence.classifier, "none"]
    means = means[
        (means["dataset"] == evidence.dataset)
        & means["classifier"].isin(names)
        & (means["class"] == evidence.pooled)
        & (means["metric"] == primary)
    ].set_index("explainer")
    means = means.loc[[name for name in evidence.explainers if name in means.index]]
    if means.empty:
        text = "Without these cases there is no primary result: no other scored case is left."
        yield Sentence(text, "warning", "primary", {"without_near_duplicates": {}})
        return
    before = {name: float(mean) for name, mean in primary_means(evidence)["mean"].items()}
    parts, told = [], {}
    for name, row in means.iterrows():
        mean, old = float(row["mean"]), before.get(name, float("nan"))
        values = titled_value(primary, mean, old), titled_value(primary, old, mean)
        parts.append(f"{explainer_title(name)} {values[0]} (with them {values[1]})")
        told[name] = {
            "n": int(row["n"] - row["n_undefined"]),
            "mean": mean,
            "ci_low": float(row["ci_low"]),
            "ci_high": float(row["ci_high"]),
            "with_them": old,
        }
    n = int((means["n"] - means["n_undefined"]).max())
    yield Sentence(
        f"Without these cases the mean {title_of(primary)} is, over {counted(n, 'case')}: "
        f"{', '.join(parts)}.",
        "note",
        "primary",
        {"without_near_duplicates": told},
    )
    yield from _comparisons_without(evidence, tables)


def _comparisons_without(evidence: Evidence, tables: CaseTables) -> Iterator[Sentence]:
    rows = rows_of(keep_test_split(tables.comparisons), evidence.dataset, evidence.classifier)
    after = [row for row in read_rows(rows) if row.cls == evidence.pooled]
    before = {(row.first, row.second): row for row in evidence.primary(evidence.pooled)}
    pairs = [(before[key], row) for row in after if (key := (row.first, row.second)) in before]
    if not pairs:
        return
    changed = [(old, new) for old, new in pairs if old.outcome != new.outcome]
    parts = [
        f"{explainer_title(old.first)} and {explainer_title(old.second)}: "
        f"{_word(old)} → {_word(new)}"
        for old, new in changed
    ]
    text = (
        f"Without these cases {counted(len(changed), 'primary conclusion')} of {len(pairs)} "
        f"change{'s' * (len(changed) == 1)}: {'; '.join(parts)}."
        if changed
        else f"Without these cases no primary conclusion changes ({counted(len(pairs), 'pair')})."
    )
    told = [
        {
            "first": new.first,
            "second": new.second,
            "difference": new.difference,
            "low": new.low,
            "high": new.high,
            "p_adjusted": new.p_adjusted,
            "outcome": new.outcome,
            "outcome_with_them": old.outcome,
            "n_units": new.n_units,
        }
        for old, new in pairs
    ]
    yield Sentence(text, "warning" if changed else "note", "primary", {"comparisons": told})


def _word(row: Comparison) -> str:
    return WORDS[row.outcome].format(a=explainer_title(row.first), b=explainer_title(row.second))
