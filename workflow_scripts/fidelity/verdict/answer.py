"""The answer of a study in one sentence, put together from the verdict's short answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.explainers.registry import explains
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation.titles import dataset_title, explainer_title
from fidelity.presentation.wording import amount, counted, listed, p_value, value_of

_TOLD = {
    "better": "shown to be better than",
    "worse": "shown to be worse than",
    "equivalent": "equivalent to",
    "none_shown": "not shown to differ from",
    "absent": "not compared with",
}


def answer(chapter: Mapping[str, Any], families: Mapping[str, str]) -> str:
    """Say who localizes best, by how much, how sure that is, and against what.

    Args:
        chapter: of verdict.json.
        families: explainer → family.

    Returns:
        One sentence; what forbids an answer where the classifier allows no conclusion.
    """
    headline = chapter["headline"]
    if chapter["quality"] and not chapter["quality"]["concludes"]:
        alarms = [part["text"] for part in headline if part["outcome"] == "warning"]
        return next((text for text in alarms if text.startswith("No conclusion")), alarms[0])
    means = [part for part in headline if "best_null" in part["numbers"]]
    real = [part for part in means if explains(families[part["numbers"]["explainer"]])]
    if not real:
        return " ".join(part["text"] for part in headline[:2])
    best = real[0]["numbers"]
    if best["mean"] is None:
        return real[0]["text"]
    name, metric = best["explainer"], best["metric"]
    title = explainer_title(name)
    # The text of the mean, from its value on.
    told = real[0]["text"].removesuffix(".").split(f"mean {title_of(metric)} ", 1)[-1]
    where = f"On {dataset_title(chapter['dataset'])}, {title}"
    if len(real) > 1:
        which = "lowest (best)" if METRICS[metric].direction == "lower" else "highest"
        text = f"{where} has the {which} mean {title_of(metric)} of {len(real)} explainers, {told}"
    else:
        text = f"{where} has a mean {title_of(metric)} of {told}"
    others = [part["numbers"]["explainer"] for part in real[1:]]
    nulls = [other for other, family in families.items() if family == "baseline"]
    parts = [
        _standing(name, others, "other explainer", headline),
        _standing(name, nulls, "null baseline", headline),
    ]
    strongest = next((part["numbers"] for part in means if part["numbers"]["best_null"]), None)
    if parts[1] and strongest and strongest["mean"] is not None:
        parts[1] += (
            f" (the strongest, {explainer_title(strongest['explainer'])}, has "
            f"{value_of(metric, strongest['mean'])})"
        )
    found = [part for part in parts if part]
    return f"{text}; it is {', and it is '.join(found)}." if found else f"{text}."


def _standing(
    name: str, others: Sequence[str], noun: str, headline: Sequence[Mapping[str, Any]]
) -> str:
    """Word how the tests place an explainer against others; nothing if they do not."""
    against: dict[str, list[str]] = {}
    rows = {}
    for part in headline:
        numbers = part["numbers"]
        if numbers.get("explainer") != name or "against" not in numbers:
            continue
        for outcome, names in numbers["against"].items():
            known = [other for other in names if other in others]
            against.setdefault(outcome, []).extend(known)
        rows |= {row["other"]: row for row in numbers["comparisons"]}
    total = sum(map(len, against.values()))
    told = []
    for outcome, phrase in _TOLD.items():
        names = against.get(outcome, [])
        if not names:
            continue
        if noun == "null baseline" or len(names) > 1:
            who = f"{len(names)} of {counted(total, noun)}"
            who = f"all {counted(total, noun)}" if len(names) == total else who
            who = f"the {noun}" if total == 1 else who
        else:
            who = explainer_title(names[0])
        if noun != "null baseline":
            who += _differences([rows[other] for other in names if other in rows])
        told.append(f"{phrase} {who}")
    return ", but ".join(told) if len(told) < 3 else listed(told)


def _differences(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write one difference with its interval and p, or the range of several."""
    needed = ("mean_difference", "ci_low", "ci_high", "p_adjusted")
    rows = [row for row in rows if all(row[key] is not None for key in needed)]
    if not rows:
        return ""
    metric, values = rows[0]["metric"], [row["mean_difference"] for row in rows]
    p = p_value(max(row["p_adjusted"] for row in rows))
    if len(rows) > 1:
        low, high = (amount(metric, value) for value in (min(values), max(values)))
        each = "each p" if p.startswith("<") else "largest p"
        return f" (differences {low} to {high}, {each} {p})"
    low, high = (value_of(metric, rows[0][end], values[0]) for end in ("ci_low", "ci_high"))
    return f" (difference {amount(metric, values[0])}, interval {low} to {high}, p {p})"
