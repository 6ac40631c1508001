"""Titles that people read instead of keys, with their order and colours. Imports nothing heavy.

A title is the one set in the config, or else the registries' title of the method, plus what
distinguishes entries of the same method. Machine-readable tables (CSV) and file names keep the
keys.

The rules pass `display(study)` to jobs whose results people read. Such a job runs inside `with
showing(display):`, and the functions that it calls look up titles by key.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from fidelity.base.plugins import PREFIX
from fidelity.binarizations.registry import RULES
from fidelity.datasets.readers.names import ANY, FIRST, SECOND
from fidelity.datasets.registry import TITLES as SOURCES
from fidelity.explainers.registry import METHODS
from fidelity.metrics.boxes.protocols import TITLES as OF_BOXES
from fidelity.metrics.conventions import PROTOCOLS
from fidelity.study.paths import NONE

if TYPE_CHECKING:
    from fidelity.settings.closed_model import Section
    from fidelity.study.study import Study

ABSENT = "–"
# Added to the title of an explainer that does not explain the classifier.
KINDS = {"baseline": " (null)", "ceiling": " (ceiling)"}
_PROTOCOLS = {name: protocol.title for name, protocol in PROTOCOLS.items()} | OF_BOXES
# If entries differ in more settings than this, their keys distinguish them instead.
_MOST_WORDS = 2
_ARCHITECTURES = {
    "alexnet": "AlexNet",
    "convnext": "ConvNeXt",
    "convnextv2": "ConvNeXt-V2",
    "deit": "DeiT",
    "densenet": "DenseNet",
    "efficientnet": "EfficientNet",
    "googlenet": "GoogLeNet",
    "inception": "Inception",
    "maxvit": "MaxViT",
    "mnasnet": "MNASNet",
    "mobilenet": "MobileNet",
    "regnet": "RegNet",
    "resnet": "ResNet",
    "resnext": "ResNeXt",
    "shufflenet": "ShuffleNet",
    "squeezenet": "SqueezeNet",
    "swin": "Swin",
    "vgg": "VGG",
    "vit": "ViT",
    "wide": "Wide",
}


@dataclass(frozen=True)
class Display:
    """How the entries of a study are shown.

    Attributes:
        datasets, binarizations, protocols: key → title.
        classifiers: training, or key of the config → title.
        explainers: explainer → title, in the order of the config.
        families: explainer → its family, in the same order.
        order: all explainers in their display order.
        colours: explainer → colour, if the config sets one.
    """

    datasets: Mapping[str, str] = field(default_factory=dict)
    classifiers: Mapping[str, str] = field(default_factory=dict)
    explainers: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    binarizations: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)
    order: Sequence[str] = ()
    colours: Mapping[str, str] = field(default_factory=dict)


# A stack; the last entry is in use.
_SHOWN = [Display()]


@contextmanager
def showing(how: Display | Mapping[str, Any]) -> Iterator[None]:
    """Use these titles, this order and these colours within the block; outside, keys are shown."""
    _SHOWN.append(how if isinstance(how, Display) else Display(**how))
    try:
        yield
    finally:
        _SHOWN.pop()


def shown() -> Display:
    """Return the display in use."""
    return _SHOWN[-1]


def dataset_title(key: str) -> str:
    """Return the title of a data set."""
    return shown().datasets.get(key, key)


def classifier_title(key: str) -> str:
    """Return the title of a classifier; "–" for `none`, that of explainers without a classifier."""
    return ABSENT if key == NONE else shown().classifiers.get(key, key)


def explainer_title(key: str) -> str:
    """Return the title of an explainer."""
    return shown().explainers.get(key, key)


def plain_title(key: str) -> str:
    """Return the title of an explainer without its kind, for places that already name the kind."""
    return explainer_title(key).removesuffix(KINDS.get(shown().families.get(key, ""), ""))


def binarization_title(key: str) -> str:
    """Return the title of a binarization; "–" for `none`, that of scores of maps."""
    return ABSENT if key == NONE else shown().binarizations.get(key, key)


def title_of_either(key: str) -> str:
    """Return the title of an explainer or, if none has this key, of a binarization."""
    return shown().explainers.get(key) or binarization_title(key)


def protocol_title(key: str) -> str:
    """Return the title of a protocol of metrics."""
    return shown().protocols.get(key, key)


def reader_title(name: str) -> str:
    """Return a reader's title, such as "Reader R8"; "First reader" if masks name no reader."""
    return f"{in_words(name)} reader" if name in (FIRST, SECOND) else f"Reader {name}"


def ordered(explainers: Collection[str]) -> list[str]:
    """Sort explainers in their display order; explainers of other studies come last."""
    first = [name for name in shown().order if name in explainers]
    return [*first, *(name for name in explainers if name not in first)]


def display(study: "Study", *datasets: str) -> dict[str, Any]:
    """Return what a job that shows these data sets needs for `Display`."""
    config = study.config
    given = config.display.order
    of_sources = _titles(
        config.datasets, lambda k, e: (SOURCES.get(e.source, in_words(k)), ""), {"input"}
    )
    chosen = Display(
        datasets={key: of_sources[key] for key in of_sources if key in datasets},
        classifiers=_classifiers(study),
        explainers=_titles(config.explainers, lambda k, e: _explainer(k, e, study.families[k])),
        families=study.families,
        binarizations=_titles(config.binarizations, _binarization),
        protocols={name: _PROTOCOLS[name] for name in config.protocols},
        order=[*given, *(name for name in study.explainers if name not in given)],
        colours=dict(config.display.colours),
    )
    return asdict(chosen)


def in_words(key: str) -> str:
    """Write a key or a name from code in words: `edge_lime` becomes "Edge lime"."""
    words = key.replace("_", " ")
    return words[:1].upper() + words[1:] if words.islower() else words


def architecture_title(architecture: str) -> str:
    """Write the name of an architecture as papers do: `timm:resnet50` becomes "ResNet-50"."""
    name = architecture.split(":")[-1]
    # "squeezenet1_1" is version 1.1; "resnet50_2" is not 50.2.
    decimal = re.sub(r"(?<!\d)(\d)_(\d{1,2})(?=gf|_|$)", r"\1.\2", name.removeprefix("tf_"))
    first, *words = re.split(r"[_-]", decimal)
    # "resnet50" is two words, "convnextv2" is one.
    words = [*([first] if first in _ARCHITECTURES else re.findall(r"\D+|[\d.]+", first)), *words]
    if words[0] not in _ARCHITECTURES:
        return in_words(name)
    return "-".join(
        _ARCHITECTURES.get(word) or (word.upper() if len(word) < 3 else word.capitalize())
        for word in words
    )


def _classifiers(study: "Study") -> dict[str, str]:
    """Return the titles of classifiers, and of their trainings, which have one seed each."""
    entries = study.config.classifiers
    titles = _titles(entries, lambda _, entry: (architecture_title(entry.architecture), ""), set())
    for training, base in study.bases.items():
        if training != base:
            titles[training] = f"{titles[base]}, seed {study.classifiers[training].seed}"
    return titles if titles else {NONE: "no classifier"}


def _explainer(key: str, entry: "Section", family: str) -> tuple[str, str]:
    """Return the title of a method, and the ending that follows it."""
    inner = getattr(entry, "of", None)
    if inner is not None:
        title = inner.title or _explainer(key, inner, "")[0]
        title = f"{title} with random weights"
    elif entry.method == "imported":
        title = in_words(key)
    elif getattr(entry, "reader", None):
        title = "One of the readers" if entry.reader == ANY else reader_title(entry.reader)
    elif entry.method.startswith(PREFIX):
        title = in_words(entry.method.removeprefix(PREFIX))
    else:
        title = METHODS[entry.method].title
    return title, KINDS.get(family, "")


def _binarization(_: str, entry: "Section") -> tuple[str, str]:
    values = {name: "by class" if isinstance(value, dict) else value for name, value in entry}
    known = RULES.get(entry.method)
    title = known.title if known else "Rule by explainer"
    return title.format(**values), " (diagnostic)" if known and known.uses_reference else ""


def _titles(
    entries: Mapping[str, "Section"],
    of: Callable[[str, "Section"], tuple[str, str]],
    fields: Collection[str] | None = None,
) -> dict[str, str]:
    """Give each entry a unique title.

    Args:
        entries: of one section of the config.
        of: key and entry → the title without what distinguishes it, and the ending that follows.
        fields: settings that may distinguish entries, None for all; else their keys do.
    """
    found = {key: entry.title for key, entry in entries.items() if entry.title}
    plain = {key: of(key, entry) for key, entry in entries.items() if key not in found}
    for key, (title, end) in plain.items():
        alike = [entries[other] for other, (also, _) in plain.items() if also == title]
        named = key == getattr(entries[key], "method", None)
        differences = [] if named else _differences(alike, entries[key], title, fields)
        found[key] = "".join([title, *(f", {words}" for words in differences), end])
    # Titles that are still equal are distinguished by the keys that the user chose.
    counts = Counter(found.values())
    for key, (title, end) in plain.items():
        chosen_by = getattr(entries[key], "chosen_by", "architecture")
        method = getattr(entries[key], chosen_by)
        if counts[found[key]] > 1 and key != method:
            own = key.removeprefix(method).strip("_-").replace("_", " ")
            found[key] = f"{title} ({own}){end}"
    counts = Counter(found.values())
    for key in plain:
        if counts[found[key]] > 1:
            found[key] = f"{found[key]} [{key}]"
    return {key: found[key] for key in entries}


def _differences(
    alike: Sequence["Section"], entry: "Section", title: str, fields: Collection[str] | None
) -> list[str]:
    """Write the settings in which an entry differs: "depth 3"; empty if there are too many."""
    values = [_flat(other.model_dump()) for other in alike]
    usual = {name: info.default for name, info in type(entry).model_fields.items()}
    words = [
        _words(name.split(".")[-1], value)
        for name, value in _flat(entry.model_dump()).items()
        if (fields is None or name in fields)
        and any(other.get(name) != value for other in values)
        and usual.get(name) != value
        and str(value) not in title
    ]
    words = [word for word in words if word]
    return words if len(words) <= _MOST_WORDS and max(map(len, words), default=0) < 20 else []


def _flat(entry: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in entry.items():
        found |= (
            _flat(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": value}
        )
    return found


def _words(name: str, value: Any) -> str:
    """Write a setting in words: "depth 3", "1000 samples", "no magnitude"."""
    name = name.replace("_", " ")
    if value is None or value in ("auto", ""):
        return ""
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, int) and name.endswith("s"):
        return f"{value} {name}"
    return re.sub(r"[-_]", " ", value) if isinstance(value, str) else f"{name} {value}"
