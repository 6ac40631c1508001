"""Keys of different sections that must fit one another."""

from collections.abc import Iterable, Iterator
from typing import get_args

from pydantic import MISSING

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.binarizations.registry import RULES
from fidelity.datasets.readers.names import ANY, FIRST, SECOND
from fidelity.datasets.registry import reader
from fidelity.datasets.sources.chexpert.observation_names import canonical
from fidelity.explainers.registry import depends_on_training, inside_lung, method_of, refusal
from fidelity.settings.binarizations import Binarization, PerExplainer, Postprocess
from fidelity.settings.classifiers import training_names
from fidelity.settings.config import TITLED, Config
from fidelity.settings.datasets import MARKED, Dataset
from fidelity.settings.explainers import Explainer, RandomWeights
from fidelity.settings.statistics import BoxProtocol

RESERVED_FOLDERS = {
    "prepared",
    "shards",
    "tables",
    "figures",
    "explorer",
    "paper",
    "notebooks",
    "faithfulness",
    "repeatability",
    "known_truth",
    "hiding",
}
RESERVED = {
    "datasets": RESERVED_FOLDERS | {"raw", "summary", "logs", "benchmarks"},
    "classifiers": RESERVED_FOLDERS | {"none"},
    "binarizations": {"none", "maps"},
}


def check_meaning(config: Config) -> None:
    """Check what no section can check by itself.

    Args:
        config: names that CheXpert gives its classes under `threshold` are replaced in place.

    Raises:
        InputError: names the key, what is wrong, and the near key or value where there is one.
    """
    for section, reserved in RESERVED.items():
        for key in getattr(config, section):
            if key in reserved:
                raise InputError(
                    "is a reserved name", field=f"{section}.{key}", remedy="Choose another name"
                )
    for path, entry in all_explainers(config):
        _check_explainer(path, entry, config)
    _check_targets(config)
    _check_binarizations(config)
    for key in config.datasets:
        _check_dataset(key, config)
    _check_thresholds(config)
    _check_sanity(config)
    for name in config.known_truth.datasets:
        _check_known_truth(name, config)
    _check_trainings(config)
    _check_controls(config)
    _check_statistics(config)
    if "default" not in config.protocols:
        raise InputError(
            "lacks default, the protocol of the primary comparison",
            field="protocols",
            remedy="Add default; keep the others",
        )
    _check_boxes(config)
    _check_titles(config)
    for field in ("order", "colours"):
        names = getattr(config.display, field)
        _check_names(names, config.explainers, f"display.{field}", "explainer")
    shown = [config.figures.gallery_by] if config.figures.gallery_by is not None else []
    _check_names(shown, config.explainers, "figures.gallery_by")
    shown = config.figures.gallery_explainers or []
    _check_names(shown, config.explainers, "figures.gallery_explainers", "explainer")


def _check_boxes(config: Config) -> None:
    """Refuse protocols of boxes where no data set has any."""
    asked = [name for name in config.protocols if name in get_args(BoxProtocol)]
    scored = any(
        entry.annotated_classes and (entry.boxes_from or entry.has_boxes)
        for entry in config.datasets.values()
    )
    if asked and not scored:
        raise InputError(
            f"{asked[0]!r} scores boxes, and no data set has boxes to score",
            field="protocols",
            remedy="Set boxes_from of a data set to references or masks, or leave the protocol out",
        )


def all_explainers(config: Config) -> Iterator[tuple[str, Explainer]]:
    """List every explainer with its path, those that another one runs (`of`) right after it."""
    for key, entry in config.explainers.items():
        path, part = f"explainers.{key}", entry
        while part is not None:
            yield path, part
            path, part = f"{path}.of", getattr(part, "of", None)


def all_rules(config: Config) -> Iterator[tuple[str, Binarization, Postprocess | None]]:
    """List every simple rule with its path and its own post-processing, if it has one."""
    for key, entry in config.binarizations.items():
        path = f"binarizations.{key}"
        if not isinstance(entry, PerExplainer):
            yield path, entry, None
            continue
        for where, part in entry.parts().items():
            own = None if part.postprocess is MISSING else part.postprocess
            yield f"{path}.{where}", part.binarization, own


def fair_binarizations(config: Config) -> list[str]:
    """Name the binarizations that look at the reference mask for no explainer."""
    seeing = {
        path.split(".")[1]
        for path, rule, _ in all_rules(config)
        if RULES[rule.method].uses_reference
    }
    return [key for key in config.binarizations if key not in seeing]


def _check_titles(config: Config) -> None:
    """Check that no two entries of a section have one title."""
    for section in TITLED:
        known: dict[str, str] = {}
        for key, entry in getattr(config, section).items():
            if entry.title in known:
                raise InputError(
                    f"{entry.title!r} is also the title of {section}.{known[entry.title]}",
                    field=f"{section}.{key}.title",
                    remedy="Give one of them another title",
                )
            if entry.title is not None:
                known[entry.title] = key


def _check_names(
    names: Iterable[str], known: Iterable[str], field: str, what: str | None = None
) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            problem = f"names no {what} of this config" if what else "is not in this config"
            raise InputError(f"{name!r} {problem}", field=field, remedy=suggestion(name, known))


def _check_explainer(path: str, entry: Explainer, config: Config) -> None:
    method = method_of(entry.method)
    if method.needs_classifier and not config.classifiers:
        raise InputError(
            "needs a classifier and there is none",
            field=path,
            remedy="Add one under 'classifiers'",
        )
    if isinstance(entry, RandomWeights) and not depends_on_training(entry.of.method):
        raise InputError(
            f"{entry.of.method} does not depend on the training, so random weights change nothing",
            field=f"{path}.of",
            remedy="Name an explainer of a classifier, such as {method: gradcam}",
        )
    layers = getattr(entry, "layer", None)
    for name in layers if isinstance(layers, dict) else ():
        _check_names([name], config.classifiers, f"{path}.layer.{name}", "classifier")
    if entry.method == "occlusion":
        for name, dataset in config.datasets.items():
            if entry.window > dataset.image_size:
                raise InputError(
                    f"{entry.window} is larger than the working images of datasets.{name}",
                    field=f"{path}.window",
                    remedy=f"Use at most their image_size, {dataset.image_size}",
                )
    for name, classifier in config.classifiers.items():
        if method.family == "cam" and classifier.architecture == "torchscript":
            raise InputError(
                f"hooks a layer; classifiers.{name} is TorchScript, which has none to hook",
                field=path,
                remedy="Use explainers that only call the classifier, or load a state dict",
            )
        why = refusal(entry.method, classifier.architecture)
        if why is not None:
            raise InputError(
                f"{entry.method} cannot explain classifiers.{name} "
                f"({classifier.architecture}): {why}",
                field=path,
                remedy="Leave one of the two out of this config",
            )


def _check_targets(config: Config) -> None:
    """Check that targets of their own belong to explainers that explain a classifier."""
    for name in config.explain.targets:
        field = f"explain.targets.{name}"
        _check_names([name], config.explainers, field, "explainer")
        if not method_of(config.explainers[name].method).needs_classifier:
            raise InputError(
                "explains no classifier, so it has no target", field=field, remedy="Leave it out"
            )


def _check_binarizations(config: Config) -> None:
    for key, entry in config.binarizations.items():
        for name in entry.explainers if isinstance(entry, PerExplainer) else ():
            field = f"binarizations.{key}.explainers.{name}"
            _check_names([name], config.explainers, field, "explainer")
    for path, rule, _ in all_rules(config):
        if rule.method == "tuned" and "val" not in config.explain.splits:
            raise InputError(
                "is tuned on the validation split, which is not explained",
                field=path,
                remedy="Add val to explain.splits",
            )


def _check_thresholds(config: Config) -> None:
    """Check that every class that is scored has a threshold where there is one per class."""
    classes = {
        cls: f"datasets.{key}"
        for key, dataset in config.datasets.items()
        for cls in dataset.annotated_classes
    }
    chexpert = any(dataset.source == "chexlocalize" for dataset in config.datasets.values())
    for path, rule, _ in all_rules(config):
        given = getattr(rule, "threshold", None)
        if not isinstance(given, dict):
            continue
        field = f"{path}.threshold"
        found: dict[str, float] = {}
        for written, value in given.items():
            cls = canonical(written) if chexpert and written not in classes else written
            if cls not in classes:
                raise InputError(
                    f"{written!r} is not an annotated class",
                    field=field,
                    remedy=suggestion(written, classes, "Annotated classes"),
                )
            if cls in found:
                raise InputError(f"{cls!r} has two thresholds", field=field, remedy="Give it one")
            found[cls] = value
        if absent := [cls for cls in classes if cls not in found]:
            raise InputError(
                f"{absent[0]!r} has no threshold, but {classes[absent[0]]} scores it",
                field=field,
                remedy=f"Add {absent[0]}: 0.5, or another number from 0 to below 1",
            )
        rule.threshold = found


def _check_near_duplicates_of(key: str, config: Config) -> None:
    """See that data sets are compared with others, and not in a circle."""
    field = f"datasets.{key}.near_duplicates_of"
    for name in config.datasets[key].near_duplicates_of:
        if name not in config.datasets:
            raise InputError(
                f"there is no data set {name!r}",
                field=field,
                remedy=suggestion(name, [other for other in config.datasets if other != key]),
            )
    reached, pending = set(), [*config.datasets[key].near_duplicates_of]
    while pending:
        name = pending.pop()
        if name == key:
            raise InputError(
                f"{key!r} is compared with itself, or in a circle",
                field=field,
                remedy="Keep all images of one of the data sets: leave its near_duplicates_of out",
            )
        if name not in reached and name in config.datasets:
            reached.add(name)
            pending += config.datasets[name].near_duplicates_of


def _check_dataset(key: str, config: Config) -> None:
    dataset, path = config.datasets[key], f"datasets.{key}"
    _check_near_duplicates_of(key, config)
    if not dataset.has_training_references:
        _check_without_training_references(path, config)
    if dataset.source == "chexlocalize":
        _check_chexlocalize(path, config)
    if dataset.lung_masks == "none":
        for field in _needing_lungs(path, dataset, config):
            raise InputError(
                f"needs lung masks, and {path}.lung_masks is none",
                field=field,
                remedy="Leave it out, or use a data set with lung masks",
            )
    hearts = [n for n, entry in config.explainers.items() if method_of(entry.method).needs_heart]
    if hearts and dataset.lung_masks != "chexmask":
        raise InputError(
            f"needs heart masks, and {path}.lung_masks is {dataset.lung_masks}",
            field=f"explainers.{hearts[0]}",
            remedy="Leave it out, or set lung_masks: chexmask",
        )
    if dataset.lung_masks == "predicted":
        # From provided ones alone: no cycles.
        able = [k for k, other in config.datasets.items() if other.reads_lungs]
        origin = dataset.lung_from
        if origin not in able:
            what = (
                "is missing" if origin is None else f"{origin!r} is not a data set with lung masks"
            )
            raise InputError(
                what,
                field=f"{path}.lung_from",
                remedy=suggestion(origin or "", able, "Those with lung_masks: provided")
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


def _needing_lungs(path: str, dataset: Dataset, config: Config) -> Iterator[str]:
    """Name what needs the lung masks of a data set."""
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
    """Check that nothing needs references of the training split where a source has none."""
    if "train" in config.explain.splits:
        raise InputError(
            f"{path} has no references in the training split",
            field="explain.splits",
            remedy="Use val and test",
        )
    for name, entry in config.explainers.items():
        if method_of(entry.method).fitted:
            raise InputError(
                f"learns from the training split's masks or boxes, and {path} has none",
                field=f"explainers.{name}",
                remedy="Leave it out",
            )


def _check_chexlocalize(path: str, config: Config) -> None:
    """Check that nothing needs exclusive classes."""
    for name, classifier in config.classifiers.items():
        if classifier.head == "one_logit":
            raise InputError(
                f"needs two classes that exclude each other; {path} has several labels per image",
                field=f"classifiers.{name}.head",
                remedy="Leave it out: each class gets an output of its own",
            )


def _check_second_reader(key: str, dataset: Dataset, config: Config) -> None:
    """Check that a data set has the readers whose masks explainers are."""
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
                f"is one of several readers, and datasets.{key} has no rule that joins the others",
                field=f"explainers.{name}.reader",
                remedy=f"Set datasets.{key}.reference, for example to majority",
            )
        # A table's readers, and those of VinDr-CXR, are in its files.
        if dataset.source == "table" or (dataset.source == "vindr" and entry.reader):
            continue
        whose = "a second reader" if entry.reader is None else f"the reader {entry.reader}"
        if not ({*known} - {FIRST} if entry.reader == ANY else (entry.reader or SECOND) in known):
            raise InputError(
                f"needs the masks of {whose}, and datasets.{key} has none",
                field=f"explainers.{name}",
                remedy="Leave it out, or use a table with columns second_mask:<class> "
                "(the phantom: second_reader: true; chexlocalize: human_benchmark.segmentations;"
                " any data set: readers)",
            )


def _check_trainings(config: Config) -> None:
    trainings = [
        training
        for name, entry in config.classifiers.items()
        for training in training_names(name, entry.seeds)
    ]
    for name in config.only_classifiers:
        _check_names([name], trainings, f"only_classifiers.{name}", "classifier")
    if len(set(trainings)) != len(trainings):
        raise InputError(
            "two classifiers get one name when seeds are expanded",
            field="classifiers",
            remedy="Rename one",
        )


def _check_sanity(config: Config) -> None:
    """Refuse sensitivity of explainers that cannot explain a changed image, and sanity checks of
    explainers that no classifier has a part in."""
    methods = [method_of(entry.method) for entry in config.explainers.values()]
    asked = "sensitivity_max" in config.faithfulness.metrics
    if asked and all(method.given for method in methods):
        raise InputError(
            "sensitivity_max explains changed images, but all explainers of this config read maps"
            " made elsewhere",
            field="faithfulness.metrics",
            remedy="Leave sensitivity_max out, or add an explainer that is computed here",
        )
    if not config.sanity.cases:
        return
    able = [n for n, entry in config.explainers.items() if depends_on_training(entry.method)]
    for name in config.sanity.explainers or []:
        if name not in able:
            raise InputError(
                f"{name!r} does not depend on what a classifier has learnt, so there is nothing to"
                " randomise"
                if name in config.explainers
                else f"{name!r} is no explainer of this config",
                field="sanity.explainers",
                remedy=suggestion(name, able, "Those that explain a classifier"),
            )
    if not able:
        raise InputError(
            "no explainer of this config explains a trained classifier, so there is nothing to"
            " randomise",
            field="sanity.cases",
            remedy="Set it to 0, or add an explainer such as {method: gradcam}",
        )


def _check_known_truth(name: str, config: Config) -> None:
    """Check that a data set has a mark that classifiers can learn and explainers find."""
    _check_names([name], config.datasets, "known_truth.datasets", "data set")
    if not config.classifiers:
        raise InputError(
            "known_truth scores explainers of classifiers, and there is no classifier",
            field="known_truth.datasets",
            remedy="Add one under 'classifiers'",
        )
    dataset = config.datasets[name]

    def refuse(key: str, problem: str, remedy: str) -> None:
        raise InputError(
            f"{problem}, but known_truth.datasets names this data set",
            field=f"datasets.{name}.{key}",
            remedy=remedy,
        )

    if dataset.planted is MISSING:
        if dataset.source != "phantom":
            refuse("source", f"{dataset.source} has no planted mark", "Set planted: {kind: mark}")
        marked = dataset.shortcut.class_
        if marked is None or dataset.shortcut.probability == 0:
            refuse("shortcut", "plants no mark", "Give it a class and probability 1")
        if marked not in dataset.annotated_classes:
            refuse(
                "annotated_classes",
                f"lacks {marked}, the mark's class, so it is not explained",
                f"Add {marked}",
            )
        if dataset.input != "full":
            problem = f"{dataset.input} hides the mark, which is outside the lungs"
            refuse("input", problem, "Use full")
        right = {"reference", "predicted", dataset.labels.get(marked, marked)}
    else:
        right = {"reference", "predicted", MARKED}
    if "test" not in config.explain.splits:
        raise InputError(
            "lacks test, on which known_truth is measured",
            field="explain.splits",
            remedy="Add test",
        )
    for explainer in config.explainers:
        target = config.explain.targets.get(explainer, config.explain.target)
        if target not in right:
            raise InputError(
                f"{target!r} is not the class of the mark, which known_truth needs",
                field="explain.target",
                remedy="Use reference",
            )


def _check_controls(config: Config) -> None:
    """Check that the controls are there, and differ in their guidance alone."""
    kinds = config.controls.kinds
    if not kinds:
        return
    guided = {
        "aligned": ["reference"],
        "plain": [None],
        "misaligned": ["other_cases", "outside"],
    }
    first: dict | None = None
    for kind, allowed in guided.items():
        field = f"controls.{kind}"
        if kind not in kinds:
            raise InputError("is missing", field=field, remedy="Name a classifier of each kind")
        _check_names([kinds[kind]], config.classifiers, field, "classifier")
        entry = config.classifiers[kinds[kind]].model_dump()
        found = (entry["training"] or {}).pop("guidance", {}).get("masks")
        if found not in allowed:
            wanted = " or ".join(masks or "none" for masks in allowed)
            raise InputError(
                f"{kinds[kind]} has the guidance {found or 'none'}, not {wanted}",
                field=field,
                remedy=f"Set classifiers.{kinds[kind]}.training.guidance.masks: {allowed[0]}"
                if allowed[0]
                else f"Remove classifiers.{kinds[kind]}.training.guidance",
            )
        first = first or entry
        if different := [key for key, value in entry.items() if value != first[key]]:
            raise InputError(
                f"{kinds[kind]} differs from {kinds['aligned']} in {different[0]}",
                field=field,
                remedy="Train the three alike: they may differ in training.guidance alone",
            )


def _has_several_classes(dataset: Dataset) -> bool:
    several = getattr(dataset, "task", None) == "multilabel"
    return several or getattr(reader(dataset.source), "multilabel", False)


def _check_statistics(config: Config) -> None:
    """Check that the primary comparison can be made, and that a least accuracy is computed."""
    primary = config.statistics.primary
    comparable = [
        name
        for name in config.scores.metrics
        if name != "false_positive_share" and not name.endswith("_nan")
    ]
    _check_names([primary], comparable, "statistics.primary")
    for key, dataset in config.datasets.items():
        lacking = dataset.source != "table" and dataset.pixel_spacing is None
        if primary.endswith("_mm") and lacking:
            raise InputError(
                f"{primary!r} needs the pixel spacing, and datasets.{key} has none",
                field="statistics.primary",
                remedy=f"Set datasets.{key}.pixel_spacing, or use "
                f"{primary.removesuffix('_mm')!r} (pixels)",
            )
        if config.statistics.least_accuracy is not None and _has_several_classes(dataset):
            raise InputError(
                f"an image of datasets.{key} can have several classes, so classifiers have no"
                " accuracy there",
                field="statistics.least_accuracy",
                remedy="Remove it, or run this data set with a config of its own",
            )
    fair = fair_binarizations(config)
    if not fair:
        raise InputError(
            "all see the reference mask, so nothing can be compared",
            field="binarizations",
            remedy="Add one that does not, such as tuned or fixed",
        )
    chosen = config.statistics.primary_binarization
    if chosen is not None:
        _check_names([chosen], fair, "statistics.primary_binarization")
