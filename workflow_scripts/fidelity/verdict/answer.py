"""The answer of a study in one sentence, with details, from the verdict's short answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fidelity.explainers.registry import explains
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation.titles import (
    classifier_title,
    dataset_title,
    explainer_title,
    plain_title,
)
from fidelity.presentation.wording import (
    NOT_BY_INTERVAL,
    all_of,
    amount,
    counted,
    listed,
    p_value,
    some_of,
    titled_value,
    value_of,
)

_TOLD = {
    "better": "shown to be better than",
    "worse": "shown to be worse than",
    "equivalent": "equivalent to",
    "none_shown": "not shown to differ from",
    "absent": "not compared with",
}
# Explains an interval that excludes 0 although no difference was shown.
SIGNS = (
    "Few large differences decide the mean, and most are of the other sign (rank-biserial "
    "correlation {effect})"
)


@dataclass(frozen=True)
class Answer:
    """The answer of a study.

    Attributes:
        sentence: one sentence of at most about 25 words.
        details: sentences with differences, intervals and p; may be empty.
    """

    sentence: str
    details: Sequence[str] = ()


def answers(verdict: Path, families: Mapping[str, str], alpha: float) -> list[str]:
    """List the answers in a verdict.json, one per classifier; empty if the file is missing.

    Answers of several classifiers begin with the classifier, because they can contradict.
    """
    if not verdict.exists():
        return []
    chapters = json.loads(verdict.read_text(encoding="utf-8"))["chapters"]
    found = [answer(chapter, families, alpha).sentence for chapter in chapters]
    if len(chapters) == 1:
        return found
    names = [classifier_title(chapter["classifier"]) for chapter in chapters]
    return [f"{name}: {text}" for name, text in zip(names, found, strict=True)]


def answer(chapter: Mapping[str, Any], families: Mapping[str, str], alpha: float) -> Answer:
    """State who localizes best, and then by how much, how certain that is, and against what.

    Args:
        alpha: level of the study's tests.

    Returns:
        The answer; if the classifier allows no conclusion, the reason.
    """
    headline = chapter["headline"]
    if chapter["quality"] and not chapter["quality"]["concludes"]:
        return Answer(next(p["text"] for p in headline if p["numbers"].get("withheld")))

    means = [part for part in headline if "best_null" in part["numbers"]]
    real = [part for part in means if explains(families[part["numbers"]["explainer"]])]
    if not real:
        first, *rest = (part["text"] for part in headline[:2])
        return Answer(first, rest)
    best = real[0]["numbers"]
    if best["mean"] is None:
        return Answer(real[0]["text"])
    name, metric, title = best["explainer"], best["metric"], explainer_title(best["explainer"])
    numbers = [part["numbers"] for part in means]
    strongest = next((n for n in numbers if n["best_null"] and n["mean"] is not None), None)
    baselines = [n for n, kind in families.items() if kind == "baseline"]
    tests = _Tests(name, headline, alpha)
    others = tests.outcomes([part["numbers"]["explainer"] for part in real[1:]])
    nulls = tests.outcomes(baselines)

    of_nulls = tests.standing(nulls, "null baseline", strongest)
    standings = [*tests.standing(others, "other explainer"), *of_nulls]
    details = [
        f"Mean {title_of(metric)} of {title}: {best['stated']}.",
        *(f"{title} is {standing}." for standing in standings),
    ]
    below = {n: _Tests(n, headline, alpha).outcomes(baselines) for n in families if n != name}
    if worse := {n: against for n, against in below.items() if against.get("worse")}:
        told = (f"{explainer_title(n)} is {_worse(against)}." for n, against in worse.items())
        details.append(" ".join(told))
    details += [part["text"] for part in headline if "averaged_over" in part["numbers"]]
    rivals = [part["numbers"] for part in real]
    return Answer(_sentence(chapter["dataset"], rivals, strongest, others, nulls), details)


def _sentence(
    dataset: str,
    explainers: Sequence[Mapping[str, Any]],
    strongest: Mapping[str, Any] | None,
    others: Mapping[str, Sequence[str]],
    nulls: Mapping[str, Sequence[str]],
) -> str:
    """State the best explainer, and the most important objection to it.

    Args:
        explainers: numbers of the explainers' means, the best first.
        strongest: numbers of the best null baseline's mean.
        others: outcomes of the best explainer's tests against other explainers.
        nulls: outcomes of its tests against null baselines.
    """
    best, metric = explainers[0], explainers[0]["metric"]
    title, value = explainer_title(best["explainer"]), titled_value(metric, best["mean"])
    where = f"On {dataset_title(dataset)}"
    where += f", {best['split']} split" * (best["split"] != "test")
    lower_is_better = METRICS[metric].direction == "lower"
    which = "lowest (best)" if lower_is_better else "highest"
    # An infinite mean is stored as null, like an undefined one, but some case has a value.
    rivals = [numbers for numbers in explainers if numbers["n"]]
    level = [numbers["explainer"] for numbers in rivals if numbers["mean"] == best["mean"]]
    of_all = f"{which} mean {title_of(metric)} of {len(rivals)} explainers ({value})"
    if len(level) > 1:
        text = f"{where}, {listed(map(explainer_title, level))} share the {of_all}"
    elif len(rivals) > 1:
        text = f"{where}, {title} has the {of_all}"
    else:
        text = f"{where}, {title} has a mean {title_of(metric)} of {value}"
    ahead = strongest["mean"] - best["mean"] if strongest else 0
    if ahead and (ahead < 0) == lower_is_better and not nulls.get("worse"):
        return f"{text}, but the null baseline {_mean_of(strongest, ' has a better mean')}."
    if worse := others.get("worse"):
        # The means may be over different cases, or patients may differ in their numbers of cases.
        who = listed(map(explainer_title, worse))
        return f"{text}, but is shown to be worse than {who} in the paired comparison."
    return f"{text}{'' if len(level) > 1 else _against_nulls(nulls)}."


def _mean_of(numbers: Mapping[str, Any], words: str = "") -> str:
    """Name a null baseline with its mean in brackets."""
    mean = titled_value(numbers["metric"], numbers["mean"])
    return f"{plain_title(numbers['explainer'])}{words} ({mean})"


def _against_nulls(outcomes: Mapping[str, Sequence[str]]) -> str:
    """State how many null baselines an explainer was shown to beat; empty without tests."""
    total = sum(map(len, outcomes.values()))
    tested = total - len(outcomes.get("absent", []))
    beaten = len(outcomes.get("better", []))
    if not tested:
        return ""
    noun = "null baseline"
    if beaten == tested:
        which = all_of(total, noun) if beaten == total > 1 else some_of(beaten, total, noun)
        return f", and is shown to be better than {which}"
    if worse := len(outcomes.get("worse", [])):
        return f", but is shown to be worse than {some_of(worse, total, noun)}"
    none = tested == total > 1 and not beaten
    which = "any null baseline" if none else some_of(tested - beaten, total, noun)
    return f", but is not shown to be better than {which}"


def _worse(outcomes: Mapping[str, Sequence[str]]) -> str:
    """Word than how many null baselines an explainer is worse, and what the others show."""
    share = some_of(len(outcomes["worse"]), sum(map(len, outcomes.values())), "null baseline")
    others = [
        f"{phrase} {len(names)}"
        for outcome, phrase in _TOLD.items()
        if outcome != "worse" and (names := outcomes.get(outcome))
    ]
    return listed([f"{_TOLD['worse']} {share}", *others])


@dataclass(frozen=True)
class _Tests:
    """The tests of one explainer against others.

    Attributes:
        name: the explainer.
        headline: sentences of the chapter.
        alpha: level of the tests, which decides how many digits of p are written.
    """

    name: str
    headline: Sequence[Mapping[str, Any]]
    alpha: float

    @property
    def _numbers(self) -> list[Mapping[str, Any]]:
        """The numbers of the sentences about these tests."""
        own = [s["numbers"] for s in self.headline if s["numbers"].get("explainer") == self.name]
        return [numbers for numbers in own if "against" in numbers]

    def outcomes(self, others: Sequence[str]) -> dict[str, list[str]]:
        """Group the other explainers by the outcome of the tests against them."""
        against: dict[str, list[str]] = {}
        for numbers in self._numbers:
            for outcome, names in numbers["against"].items():
                against.setdefault(outcome, []).extend(n for n in names if n in others)
        return against

    def standing(
        self,
        against: Mapping[str, Sequence[str]],
        noun: str,
        best: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """State each outcome against others, without the subject; empty if there was no test.

        Args:
            best: numbers of the best of the others, which is named with its mean.
        """
        rows = {row["other"]: row for numbers in self._numbers for row in numbers["comparisons"]}
        total = sum(map(len, against.values()))
        told = []
        for outcome, phrase in _TOLD.items():
            names = against.get(outcome, [])
            if not names:
                continue
            if noun == "null baseline" or len(names) > 1:
                who = some_of(len(names), total, noun)
                if len(names) == total > 1:
                    none = outcome in ("none_shown", "absent")
                    who = f"any of the {counted(total, noun)}" if none else all_of(total, noun)
                if best and best["explainer"] in names:
                    which = ", including" if len(names) > 1 else ","
                    which = f"{which} the one with the best mean:" if total > 1 else ""
                    who += f"{which} {_mean_of(best)}"
            else:
                who = explainer_title(names[0])
            if noun != "null baseline":
                tested = [rows[other] for other in names if other in rows]
                who += self._differences(tested, outcome)
            told.append(f"{phrase} {who}")
        return told

    def _differences(self, rows: Sequence[Mapping[str, Any]], outcome: str) -> str:
        """Write one difference with its interval and p, or the range of several."""
        needed = ("mean_difference", "ci_low", "ci_high", "p_adjusted")
        rows = [row for row in rows if all(row[key] is not None for key in needed)]
        if not rows:
            return ""
        metric, values = rows[0]["metric"], [row["mean_difference"] for row in rows]
        p = p_value(max(row["p_adjusted"] for row in rows), self.alpha)
        if len(rows) > 1:
            low, high = (amount(metric, value) for value in (min(values), max(values)))
            each = "each corrected p" if p.startswith("<") else "largest corrected p"
            return f" (differences {low} to {high}, {each} {p})"
        low, high = (value_of(metric, rows[0][end], values[0]) for end in ("ci_low", "ci_high"))
        difference = amount(metric, values[0])
        told = f" (difference {difference}, interval {low} to {high}, corrected p {p})"
        if outcome != "none_shown" or rows[0]["ci_low"] * rows[0]["ci_high"] <= 0:
            return told
        effect = rows[0]["effect_size"]
        if effect * values[0] > 0:
            return f"{told}. {NOT_BY_INTERVAL}"
        return f"{told}. {SIGNS.format(effect=value_of('effect_size', effect))}"
