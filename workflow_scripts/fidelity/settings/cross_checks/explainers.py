"""Check explainers against classifiers and data sets, and check targets, rules and thresholds."""

from fidelity.base.errors import InputError, under
from fidelity.base.suggestions import suggestion
from fidelity.binarizations.kept_pixels import kept_pixels
from fidelity.datasets.sources.chexpert.observation_names import canonical
from fidelity.explainers.registry import depends_on_training, method_of, refusal
from fidelity.settings.binarizations import Percentile, PerExplainer
from fidelity.settings.config import Config
from fidelity.settings.cross_checks.entries import all_rules, check_name
from fidelity.settings.explainers import Explainer, RandomWeights


def check_explainer(path: str, entry: Explainer, config: Config) -> None:
    """Check that an explainer can explain every classifier and data set of the config."""
    method = method_of(entry.method)
    if method.needs_classifier and not config.classifiers:
        raise InputError(
            "needs a classifier, but the config has none",
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
        check_name(name, config.classifiers, f"{path}.layer.{name}", "classifier")
    if entry.method == "occlusion":
        for name, dataset in config.datasets.items():
            if entry.window > dataset.image_size:
                raise InputError(
                    f"the window of {entry.window} pixels is larger than the images of"
                    f" datasets.{name}",
                    field=f"{path}.window",
                    remedy=f"Use at most their image_size, {dataset.image_size}",
                )
    for name, classifier in config.classifiers.items():
        if method.family == "cam" and classifier.architecture == "torchscript":
            raise InputError(
                f"needs to read a layer of the network, but classifiers.{name} is TorchScript,"
                " whose layers cannot be hooked",
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


def check_targets(config: Config) -> None:
    """Check that only explainers that use a classifier have their own targets."""
    for name in config.explain.targets:
        field = f"explain.targets.{name}"
        check_name(name, config.explainers, field, "explainer")
        if not method_of(config.explainers[name].method).needs_classifier:
            raise InputError(
                "does not explain a classifier, so it has no target class",
                field=field,
                remedy="Leave it out",
            )


def check_binarizations(config: Config) -> None:
    """Check that rules name explainers of the config, and can give masks that are not empty."""
    for key, entry in config.binarizations.items():
        for name in entry.explainers if isinstance(entry, PerExplainer) else ():
            field = f"binarizations.{key}.explainers.{name}"
            check_name(name, config.explainers, field, "explainer")
    for path, rule, _ in all_rules(config):
        if rule.method == "tuned" and "val" not in config.explain.splits:
            raise InputError(
                "is tuned on the validation split, but the validation split is not explained",
                field=path,
                remedy="Add val to explain.splits",
            )
        for name, dataset in config.datasets.items() if isinstance(rule, Percentile) else ():
            # Original images differ in size; for them, the job that makes the masks checks this.
            if dataset.scoring_size == "working":
                with under(path):
                    kept_pixels(
                        dataset.image_size**2, rule.percentile, f"the masks of datasets.{name}"
                    )


def check_thresholds(config: Config) -> None:
    """Check that every scored class has a threshold if thresholds are given per class."""
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
