"""Find the protocols, binarizations and metrics that reverse the order of two explainers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from fidelity.analysis.localization import ALL_CLASSES, DEFAULT_PROTOCOL
from fidelity.metrics.registry import title_of
from fidelity.presentation.titles import binarization_title, explainer_title, protocol_title
from fidelity.presentation.wording import all_of, counted, listed, pixels_compared, titled_value
from fidelity.verdict.caveats import ranked_means
from fidelity.verdict.compared_pair import Comparison, between
from fidelity.verdict.evidence import Evidence
from fidelity.verdict.structure import Group, Outcome, Section, Sentence, note, warning

Setting = tuple[str, str, str]


@dataclass(frozen=True)
class Order:
    """How often each of two explainers is ahead, over settings (metric, protocol, binarization).

    Attributes:
        leader: the explainer that is ahead in more settings.
        settings: number of settings in which one of the two is ahead.
        leader_ahead: settings in which the leader's mean is better; `other_ahead`, the other's.
        leader_shown: settings in which the tests show that it is better; `other_shown`, the other.
    """

    leader: str
    other: str
    settings: int
    leader_ahead: list[Setting]
    other_ahead: list[Setting]
    leader_shown: list[Setting]
    other_shown: list[Setting]

    @property
    def flips(self) -> bool:
        """Whether each of the two is ahead in some setting."""
        return bool(self.leader_ahead and self.other_ahead)

    @property
    def flips_by_tests(self) -> bool:
        """Whether tests show each of the two to be better in some setting."""
        return bool(self.leader_shown and self.other_shown)


def ranking_flips(evidence: Evidence) -> Section:
    """Answer for every pair of explainers, in the primary metric and over all metrics."""
    primary = evidence.study.statistics["primary"]
    rows = without_repeats(row for row in evidence.comparisons if row.cls == evidence.pooled)
    main = {_setting(row) for row in evidence.primary(evidence.pooled)}
    metrics = dict.fromkeys(row.metric for row in rows)
    own = [row for row in rows if row.metric == primary]
    scopes = [(title_of(primary), f"By {title_of(primary)}", own)]
    if len(metrics) > 1:
        every = f"the {len(metrics)} compared metrics"
        scopes.append((every, f"Over {every}", rows))
    groups = []
    for scope, lead, of_scope in scopes:
        pairs = [*combinations(evidence.subjects, 2)]
        orders = [order for pair in pairs if (order := order_of(*pair, of_scope)) is not None]
        if orders:
            told = [_sentence(order, lead, main) for order in orders]
            told = [_count(lead, orders), *told] if len(orders) > 1 else told
            if level := len(pairs) - len(orders):
                have = "has" if level == 1 else "have"
                text = f"{lead}, {counted(level, 'pair')} {have} no setting in which one is ahead."
                told.append(note(text, level=level))
            if of_scope is rows:
                names = listed(map(title_of, metrics))
                listing = f"The {len(metrics)} metrics are {names}."
                told.append(note(listing + pixels_compared(names)))
            groups.append(Group(scope[0].upper() + scope[1:], told))
    if told := _by_class(evidence):
        groups.append(Group("By class", told))
    nothing = note("There is no pair of explainers whose ranking could flip.")
    return Section(
        "Where does the ranking flip?",
        groups or [Group("", [nothing])],
        "A setting is one combination of metric, binarization (the rule that turns a map into a "
        "mask) and protocol (conventions for metrics). A metric that scores the maps themselves "
        "has one setting. In each setting, the means of two explainers are compared. Settings do "
        "not count if their binarization uses the reference mask, or if the difference of the "
        "means is 0 or cannot be computed. If several protocols give the same difference and "
        "interval, with the same metric and binarization, they count once. Holm's correction "
        "covers the pairs of a setting, not the number of settings. This section shows where a "
        "conclusion depends on a choice; it is not additional evidence.",
    )


def without_repeats(rows: Iterable[Comparison]) -> list[Comparison]:
    """Leave out comparisons that a further protocol only repeats.

    The difference and its interval are the same, on as many cases. The corrected p may differ: it
    depends on the other pairs of the protocol. Of equal rows that of the default protocol is kept,
    else the first.
    """
    found: dict[str, Comparison] = {}
    for row in rows:
        what = (row.metric, row.binarization, row.cls, row.first, row.second)
        # As text, in which two undefined numbers are equal.
        numbers = (row.n, row.n_units, row.difference, row.low, row.high)
        key = repr((what, numbers))
        if key not in found or row.protocol == DEFAULT_PROTOCOL:
            found[key] = row
    return list(found.values())


def _by_class(evidence: Evidence) -> list[Sentence]:
    """List the means of explainers and best null baseline per class, if their order differs."""
    metric = evidence.study.statistics["primary"]
    nulls = evidence.of_family("baseline")
    best = [name for name in ranked_means(evidence)["mean"].dropna().index if name in nulls][:1]
    means = {
        cls: {
            name: mean
            for name, mean in ranked_means(evidence, cls)["mean"].dropna().items()
            if name in [*evidence.subjects, *best]
        }
        for cls in evidence.classes
        if cls != ALL_CLASSES
    }
    if not _reversed(list(means.values())):
        return []
    told = []
    for cls, of in means.items():
        shown = [f"{explainer_title(name)} {titled_value(metric, v)}" for name, v in of.items()]
        told.append(f"{cls}: {', '.join(shown)}")
    who = "the explainers and the best null baseline" if best else "the explainers"
    order = f"By mean {title_of(metric)}, {who} rank differently in different classes."
    text = f"{order} {'; '.join(told)}."
    return [warning(text, means=means)]


def _reversed(means: Sequence[Mapping[str, float]]) -> bool:
    """Check whether two explainers are in one order in a class and in the other in another."""
    signs = [
        {np.sign(of[a] - of[b]) for of in means if a in of and b in of}
        for a, b in combinations(dict.fromkeys(name for of in means for name in of), 2)
    ]
    return any({-1, 1} <= found for found in signs)


def order_of(a: str, b: str, rows: Sequence[Comparison]) -> Order | None:
    """Count the settings in which each of two explainers is ahead; None if neither is in any.

    Args:
        b: explainer; if both are ahead equally often, `a` is called the leader.
        rows: comparisons of one class.
    """
    ahead: dict[int, list[Setting]] = {1: [], -1: []}
    shown: dict[Outcome, list[Setting]] = {"better": [], "worse": []}
    for row in between(rows, a, b):
        if row.ahead:
            ahead[row.ahead].append(_setting(row))
        if row.outcome in shown:
            shown[row.outcome].append(_setting(row))
    total = len(ahead[1]) + len(ahead[-1])
    if not total:
        return None
    if len(ahead[-1]) > len(ahead[1]):
        return Order(b, a, total, ahead[-1], ahead[1], shown["worse"], shown["better"])
    return Order(a, b, total, ahead[1], ahead[-1], shown["better"], shown["worse"])


def _setting(row: Comparison) -> Setting:
    return row.metric, row.protocol, row.binarization


def _count(lead: str, orders: Sequence[Order]) -> Sentence:
    flips = [order for order in orders if order.flips]
    by_tests = [order for order in flips if order.flips_by_tests]
    of = f"{len(orders)} pairs"
    if not flips:
        text = f"{lead}, the better mean is the same in every setting for "
        text += f"{all_of(len(orders), 'pair')}."
        return note(text, pairs=len(orders), flips=0, by_tests=0)
    text = f"{lead}, for {len(flips)} of {of} the better mean depends on the setting"
    if by_tests:
        text += f"; for {len(by_tests)} of them, both directions are significant."
    else:
        text += "; for none of them are both directions significant."
    return warning(text, pairs=len(orders), flips=len(flips), by_tests=len(by_tests))


def _sentence(order: Order, lead: str, main: Set[Setting]) -> Sentence:
    """State who is ahead in which settings; `main`: the settings of the primary comparisons."""
    a, b = explainer_title(order.leader), explainer_title(order.other)
    numbers = {**asdict(order), "flips": order.flips, "flips_by_tests": order.flips_by_tests}
    several = len({metric for metric, *_ in (*order.leader_ahead, *order.other_ahead)}) > 1
    if not order.flips:
        where = all_of(order.settings, "setting") if order.settings > 1 else "the only setting"
        text = f"{lead}, {a} has a better mean than {b} in {where}."
        return note(f"{text} {a} was {_shown(order, several, main)}.", **numbers)
    others = "one" if len(order.other_ahead) == 1 else len(order.other_ahead)
    text = (
        f"{lead}, {a} has a better mean than {b} in {len(order.leader_ahead)} of "
        f"{counted(order.settings, 'setting')}. {b} has "
        f"a better mean in the other {others}: {_named(order.other_ahead, several)}."
    )
    if order.flips_by_tests:
        text += (
            f" Both directions are shown: {a} was shown to be better in "
            f"{counted(len(order.leader_shown), 'setting')}, {b} in {len(order.other_shown)} "
            f"({_named(order.other_shown, several)})."
        )
        return warning(text, **numbers)
    one_sided = order.leader_shown or order.other_shown
    if one_sided:
        who = a if order.leader_shown else b
        text += (
            f" {who} was shown to be better in {counted(len(one_sided), 'setting')}, "
            f"{b if who == a else a} in none."
        )
    else:
        text += " No test shows either to be better."
    return note(text, **numbers)


def _shown(order: Order, several: bool, main: Set[Setting]) -> str:
    """State in which settings the leader, ahead in all of them, was shown to be better."""
    shown, several_settings = order.leader_shown, order.settings > 1
    if not shown:
        return "not shown to be better" + " in any" * several_settings
    if len(shown) == order.settings:
        return "shown to be better" + " in each" * several_settings
    here = main.intersection(order.leader_ahead)
    apart = here and not here.intersection(shown)
    told = f"shown to be better in {len(shown)} of them: {_named(shown, several)}"
    return told + ". It was not shown to be better in the primary setting" * bool(apart)


def _named(settings: Sequence[Setting], several: bool) -> str:
    """Name settings, grouped by protocol; with several metrics, count the settings of each."""
    if several:
        counts = Counter(metric for metric, *_ in settings)
        return ", ".join(f"{count} by {title_of(metric)}" for metric, count in counts.items())
    parts = []
    for protocol in dict.fromkeys(protocol for _, protocol, _ in settings):
        rules = [name for _, p, name in settings if p == protocol and name != "none"]
        rule = f" with {listed(map(binarization_title, rules))}" if rules else ""
        parts.append(f"protocol {protocol_title(protocol)}{rule}")
    return "; ".join(parts)
