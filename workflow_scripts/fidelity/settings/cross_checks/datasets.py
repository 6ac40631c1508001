"""Check data sets against each other, and against the needs of explainers and binarizations."""

from collections.abc import Iterator

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.readers.names import ANY, FIRST, SECOND
from fidelity.explainers.registry import inside_lung, method_of
from fidelity.settings.config import Config
from fidelity.settings.cross_checks.entries import all_explainers, all_rules
from fidelity.settings.datasets import Dataset


def check_dataset(key: str, config: Config) -> None:
    """Check that a data set has what the config's explainers, binarizations and targets need."""
    dataset, path = config.datasets[key], f"datasets.{key}"
    _check_near_duplicates_of(key, config)
    if not dataset.has_training_references:
        _check_without_training_references(path, config)
    if dataset.source == "chexlocalize":
        _check_chexlocalize(path, config)
    if dataset.lung_masks == "none":
        for field in _needing_lungs(path, dataset, config):
            raise InputError(
                f"needs lung masks, but {path}.lung_masks is none",
                field=field,
                remedy="Leave it out, or use a data set with lung masks",
            )
    hearts = [n for n, entry in config.explainers.items() if method_of(entry.method).needs_heart]
    if hearts and dataset.lung_masks != "chexmask":
        raise InputError(
            f"needs heart masks, but {path}.lung_masks is {dataset.lung_masks}",
            field=f"explainers.{hearts[0]}",
            remedy="Leave it out, or set lung_masks: chexmask",
        )
    if dataset.lung_masks == "predicted":
        # Only data sets with lung masks from files can be named, so that there are no cycles.
        able = [k for k, other in config.datasets.items() if other.reads_lungs]
        origin = dataset.lung_from
        if origin not in able:
            what = (
                "is missing" if origin is None else f"{origin!r} is not a data set with lung masks"
            )
            raise InputError(
                what,
                field=f"{path}.lung_from",
                remedy=suggestion(origin or "", able, "Data sets with lung_masks: provided")
                if able
                else "Add a data set with lung_masks: provided to the config",
            )
    _check_second_reader(key, dataset, config)
    if dataset.source != "phantom":
        return
    asked = {"explain.target": config.explain.target}
    asked |= {f"explain.targets.{name}": to for name, to in config.explain.targets.items()}
    known = ["reference", "predicted", *sorted(dataset.model_classes())]
    for field, target in asked.items():
        if target not in known:
            raise InputError(
                f"{target!r} is not a class of {path}",
                field=field,
                remedy=suggestion(target, known),
            )


def _check_near_duplicates_of(key: str, config: Config) -> None:
    """Check that data sets are compared with existing ones, and not in a circle."""
    field = f"datasets.{key}.near_duplicates_of"
    for name in config.datasets[key].near_duplicates_of:
        if name not in config.datasets:
            raise InputError(
                f"the data set {name!r} does not exist",
                field=field,
                remedy=suggestion(name, [other for other in config.datasets if other != key]),
            )
    reached, pending = set(), [*config.datasets[key].near_duplicates_of]
    while pending:
        name = pending.pop()
        if name == key:
            raise InputError(
                f"{key!r} is compared with itself, directly or through other data sets",
                field=field,
                remedy="Remove near_duplicates_of from one of these data sets: it then keeps all"
                " its images",
            )
        if name not in reached and name in config.datasets:
            reached.add(name)
            pending += config.datasets[name].near_duplicates_of


def _needing_lungs(path: str, dataset: Dataset, config: Config) -> Iterator[str]:
    """Yield the config keys that need the lung masks of a data set."""
    if dataset.input != "full":
        yield f"{path}.input"
    rules = list(all_rules(config))
    own = [(f"{where}.postprocess", part) for where, _, part in rules if part is not None]
    for where, part in [("postprocess", config.postprocess), *own]:
        if part.lung:
            yield f"{where}.lung"
    for name, entry in config.explainers.items():
        if method_of(entry.method).needs_lung or getattr(entry, "align", None) == "lung_box":
            yield f"explainers.{name}"
    for where, entry in [*all_explainers(config), *((where, rule) for where, rule, _ in rules)]:
        if inside_lung(entry):
            yield f"{where}.superpixels"


def _check_without_training_references(path: str, config: Config) -> None:
    """Check that nothing needs references of the training split if the source has none there."""
    if "train" in config.explain.splits:
        raise InputError(
            f"{path} has no references in the training split",
            field="explain.splits",
            remedy="Use val and test",
        )
    for name, entry in config.explainers.items():
        if method_of(entry.method).fitted:
            raise InputError(
                f"is fitted to masks or boxes of the training split, but {path} has none there",
                field=f"explainers.{name}",
                remedy="Leave it out",
            )


def _check_chexlocalize(path: str, config: Config) -> None:
    """Check that nothing needs mutually exclusive classes."""
    for name, classifier in config.classifiers.items():
        if classifier.head == "one_logit":
            raise InputError(
                f"needs two classes that exclude each other, but {path} can have several labels"
                " per image",
                field=f"classifiers.{name}.head",
                remedy="Leave it out: each class then gets its own output",
            )


def _check_second_reader(key: str, dataset: Dataset, config: Config) -> None:
    """Check that a data set has masks of the readers that are used as explainers."""
    second = getattr(dataset, "second_reader", False) or (
        dataset.source == "chexlocalize" and dataset.human_benchmark.segmentations
    )
    known = [SECOND] if second else []
    known += dataset.readers if isinstance(dataset.readers, dict) else []
    known += [] if dataset.source in ("vindr", "phantom") else [FIRST]
    known += [f"r{number + 1}" for number in range(getattr(dataset, "simulated_readers", 0))]
    for name, entry in config.explainers.items():
        if entry.method != "second_reader":
            continue
        if entry.reader is not None and dataset.reference is None:
            raise InputError(
                f"selects one of several readers, but datasets.{key} has no rule to join the"
                " other readers",
                field=f"explainers.{name}.reader",
                remedy=f"Set datasets.{key}.reference, for example to majority",
            )
        # The readers of a table and of VinDr-CXR are known only from their files.
        if dataset.source == "table" or (dataset.source == "vindr" and entry.reader):
            continue
        whose = "a second reader" if entry.reader is None else f"the reader {entry.reader}"
        if not ({*known} - {FIRST} if entry.reader == ANY else (entry.reader or SECOND) in known):
            raise InputError(
                f"needs the masks of {whose}, but datasets.{key} has none",
                field=f"explainers.{name}",
                remedy="Leave it out, or use a table with columns second_mask:<class> "
                "(the phantom: second_reader: true; chexlocalize: human_benchmark.segmentations;"
                " any data set: readers)",
            )
