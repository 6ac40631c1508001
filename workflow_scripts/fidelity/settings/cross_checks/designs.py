"""Check parts of a study that need others: sanity checks, known truth, controls, trainings."""

from pydantic import MISSING

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.explainers.registry import depends_on_training, method_of
from fidelity.settings.classifiers import training_names
from fidelity.settings.config import Config
from fidelity.settings.cross_checks.entries import check_name
from fidelity.settings.dataset_keys import MARKED


def check_sanity(config: Config) -> None:
    """Check that sanity checks and sensitivity have explainers that support them.

    Sensitivity needs an explainer that can explain a changed image. Sanity checks need explainers
    that depend on a trained classifier.
    """
    methods = [method_of(entry.method) for entry in config.explainers.values()]
    asked = "sensitivity_max" in config.faithfulness.metrics
    if asked and all(method.given for method in methods):
        raise InputError(
            "sensitivity_max needs maps of changed images, but all explainers of this config"
            " read finished maps",
            field="faithfulness.metrics",
            remedy="Leave sensitivity_max out, or add an explainer that is computed here",
        )
    if not config.sanity.cases:
        return
    able = [n for n, entry in config.explainers.items() if depends_on_training(entry.method)]
    for name in config.sanity.explainers or []:
        if name not in able:
            raise InputError(
                f"{name!r} does not depend on the weights of a classifier, so there is nothing to"
                " randomise"
                if name in config.explainers
                else f"{name!r} is not an explainer of this config",
                field="sanity.explainers",
                remedy=suggestion(name, able, "Explainers of a classifier"),
            )
    if not able:
        raise InputError(
            "no explainer of this config explains a trained classifier, so there is nothing to"
            " randomise",
            field="sanity.cases",
            remedy="Set it to 0, or add an explainer such as {method: gradcam}",
        )


def check_known_truth(name: str, config: Config) -> None:
    """Check that a data set has a mark that classifiers can learn and explainers can find."""
    check_name(name, config.datasets, "known_truth.datasets", "data set")
    if not config.classifiers:
        raise InputError(
            "known_truth scores explainers of classifiers, but this config has no classifier",
            field="known_truth.datasets",
            remedy="Add one under 'classifiers'",
        )
    dataset = config.datasets[name]

    def refuse(key: str, problem: str, remedy: str) -> None:
        raise InputError(
            f"{problem}, but known_truth.datasets lists this data set",
            field=f"datasets.{name}.{key}",
            remedy=remedy,
        )

    if dataset.planted is MISSING:
        if dataset.source != "phantom":
            refuse("source", f"{dataset.source} has no planted mark", "Set planted: {kind: mark}")
        marked = dataset.shortcut.class_
        if marked is None or dataset.shortcut.probability == 0:
            refuse("shortcut", "the shortcut plants no mark", "Give it a class and probability 1")
        if marked not in dataset.annotated_classes:
            refuse(
                "annotated_classes",
                f"the class of the mark, {marked}, is missing and would not be explained",
                f"Add {marked}",
            )
        if dataset.input != "full":
            problem = f"{dataset.input} hides the mark, because the mark is outside the lungs"
            refuse("input", problem, "Use full")
        right = {"reference", "predicted", dataset.labels.get(marked, marked)}
    else:
        right = {"reference", "predicted", MARKED}
    if "test" not in config.explain.splits:
        raise InputError(
            "the split test is missing, but known_truth is measured on it",
            field="explain.splits",
            remedy="Add test",
        )
    for explainer in config.explainers:
        target = config.explain.targets.get(explainer, config.explain.target)
        if target not in right:
            raise InputError(
                f"known_truth must explain the class of the mark, not {target!r}",
                field="explain.target",
                remedy="Use reference",
            )


def check_trainings(config: Config) -> None:
    """Check that every training has a unique name, and that `only_classifiers` names trainings."""
    trainings = [
        training
        for name, entry in config.classifiers.items()
        for training in training_names(name, entry.seeds)
    ]
    for name in config.only_classifiers:
        check_name(name, trainings, f"only_classifiers.{name}", "classifier")
    if len(set(trainings)) != len(trainings):
        raise InputError(
            "two classifiers get one name when seeds are expanded",
            field="classifiers",
            remedy="Rename one",
        )


def check_controls(config: Config) -> None:
    """Check that all controls exist, and differ only in their guidance."""
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
        check_name(kinds[kind], config.classifiers, field, "classifier")
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
                remedy="Give all three the same settings. Only training.guidance may differ",
            )
