"""What a schema cannot check: keys that must fit one another."""

from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.classifiers.weights.header import RESCALING
from fidelity.datasets.label_names import is_reserved, reserved_error
from fidelity.datasets.mask_files.mask_values import (
    BACKGROUND,
    FOREGROUND,
    LUNG,
    mask_values_of,
)
from fidelity.explainers.lime.designs import PAIRED, SAMPLES, SAMPLES_INTERPOLATED
from fidelity.explainers.registry import depends_on_training, inside_lung, method_of, refusal
from fidelity.maps.imported_paths import check_entry
from fidelity.settings.chexpert import check_chexpert
from fidelity.settings.known_truth import check_known_truth
from fidelity.settings.occlusion import check_occlusion
from fidelity.settings.origin import check_origin
from fidelity.settings.queries import (
    all_explainers,
    all_postprocessing,
    expand_classifiers,
    rules_of,
)
from fidelity.settings.sanity import check_sanity
from fidelity.settings.statistics import check_choice, check_statistics
from fidelity.settings.thresholds import check_thresholds

RESERVED_CLASSIFIERS = {"none"}
RESERVED_DATASETS = {"raw", "summary", "logs", "benchmarks"}
RESERVED_FOLDERS = {
    "prepared",
    "shards",
    "tables",
    "figures",
    "notebooks",
    "faithfulness",
    "repeatability",
    "known_truth",
}
RESERVED_BINARIZATIONS = {"none", "maps"}
SUPERPIXEL_DEFAULTS: dict[str, dict[str, Any]] = {
    "quickshift": {"kernel_size": 4, "max_dist": 200, "ratio": 0.2, "sigma": 0},
    "slic": {"n_segments": 100, "compactness": 10, "sigma": 0},
    "felzenszwalb": {"scale": 100, "min_size": 20, "sigma": 0.8},
    "slic_lung": {"n_segments": 50, "compactness": 10, "sigma": 0},
    "grid": {"cells": 8},
}


def check_meaning(config: dict[str, Any], source: str) -> None:
    """Check what a schema cannot: keys that must fit one another."""
    for name, reserved in (("datasets", RESERVED_DATASETS), ("classifiers", RESERVED_CLASSIFIERS)):
        for key in config[name]:
            if key in reserved | RESERVED_FOLDERS:
                raise InputError(
                    "is a reserved name",
                    file=source,
                    field=f"{name}.{key}",
                    remedy="Choose another name",
                )
    for key, settings in config["explainers"].items():
        _check_explainer(key, settings, config, source)
    for path, settings in all_explainers(config):
        _check_superpixels(settings, path, source)
        _check_sampling(settings, path, source)
        check_occlusion(settings, path, config["datasets"], source)
        if isinstance(settings.get("layer"), dict):
            _check_names(settings["layer"], config["classifiers"], f"{path}.layer", source)
    _check_targets(config, source)
    _check_binarizations(config, source)
    for key, settings in config["datasets"].items():
        _check_dataset(key, settings, config, source)
    check_thresholds(config, source)
    for key, settings in config["classifiers"].items():
        _check_classifier(key, settings, source)
    _check_hooks(config, source)
    _check_supported(config, source)
    check_sanity(config, source)
    check_known_truth(config, source)
    names = list(expand_classifiers({"classifiers": config["classifiers"]}))
    _check_names(config["only_classifiers"], names, "only_classifiers", source)
    if len(set(names)) != sum(len(c["seeds"]) for c in config["classifiers"].values()):
        raise InputError(
            "two classifiers get one name when seeds are expanded",
            file=source,
            field="classifiers",
            remedy="Rename one",
        )
    if "iou" not in config["scores"]["metrics"]:
        raise InputError(
            "lacks iou, which orders the gallery",
            file=source,
            field="scores.metrics",
            remedy="Add iou",
        )
    check_statistics(config, source)
    if "default" not in config["protocols"]:
        raise InputError(
            "lacks default, the protocol of the primary comparison",
            file=source,
            field="protocols",
            remedy="Add default; the others stand beside it",
        )
    check_choice(config, "figures", "gallery_by", config["explainers"], source)
    for name in config["figures"]["gallery_explainers"] or []:
        if name not in config["explainers"]:
            raise InputError(
                f"{name!r} is no explainer of this config",
                file=source,
                field="figures.gallery_explainers",
                remedy=suggestion(name, list(config["explainers"]), "Known"),
            )
    for path, postprocess in all_postprocessing(config):
        if postprocess["median"] and postprocess["median"] % 2 == 0:
            raise InputError(
                f"{postprocess['median']} is even",
                file=source,
                field=f"{path}.median",
                remedy="Use an odd number",
            )


def _check_hooks(config: dict[str, Any], source: str) -> None:
    """Refuse explainers that hook layers where a classifier's layers cannot be hooked."""
    scripts = [k for k, c in config["classifiers"].items() if c["architecture"] == "torchscript"]
    for path, entry in all_explainers(config):
        if scripts and method_of(entry["method"]).family == "cam":
            raise InputError(
                f"hooks a layer; classifiers.{scripts[0]} is TorchScript, which has none to hook",
                file=source,
                field=path,
                remedy="Use explainers that only call the classifier, or load a state dict",
            )


def _check_supported(config: dict[str, Any], source: str) -> None:
    """Refuse explainers that are known not to fit a classifier's architecture."""
    for path, entry in all_explainers(config):
        for name, classifier in config["classifiers"].items():
            why = refusal(entry["method"], classifier["architecture"])
            if why is not None:
                raise InputError(
                    f"{entry['method']} cannot explain classifiers.{name} "
                    f"({classifier['architecture']}): {why}",
                    file=source,
                    field=path,
                    remedy="Leave one of the two out of this config",
                )


def _check_names(names: Any, known: Any, path: str, source: str) -> None:
    """Check that the keys of a mapping are names of the config."""
    for name in names:
        if name not in known:
            what = "classifier" if path.endswith("layer") else "explainer"
            raise InputError(
                f"is no {what} of this config",
                file=source,
                field=f"{path}.{name}",
                remedy=suggestion(name, list(known), "Known"),
            )


def _check_targets(config: dict[str, Any], source: str) -> None:
    """Check that targets of their own belong to explainers that explain a classifier."""
    targets = config["explain"]["targets"]
    _check_names(targets, config["explainers"], "explain.targets", source)
    for name in targets:
        if not method_of(config["explainers"][name]["method"]).needs_classifier:
            raise InputError(
                "explains no classifier, so it has no target",
                file=source,
                field=f"explain.targets.{name}",
                remedy="Leave it out",
            )


def _check_explainer(key: str, settings: dict[str, Any], config: dict, source: str) -> None:
    path = f"explainers.{key}"
    if method_of(settings["method"]).needs_classifier and not config["classifiers"]:
        raise InputError(
            "needs a classifier and there is none",
            file=source,
            field=path,
            remedy="Add one under 'classifiers'",
        )
    if settings["method"] == "imported":
        try:
            check_entry(settings)
        except InputError as error:
            raise InputError(
                error.problem, file=source, field=f"{path}.{error.field}", remedy=error.remedy
            ) from None
    inner = settings.get("of")
    if inner is not None and not depends_on_training(inner):
        raise InputError(
            f"{inner['method']} on random weights says nothing",
            file=source,
            field=f"{path}.of",
            remedy="Name an explainer of a classifier, such as {method: gradcam}",
        )


def _check_binarizations(config: dict[str, Any], source: str) -> None:
    for key, entry in config["binarizations"].items():
        path = f"binarizations.{key}"
        if key in RESERVED_BINARIZATIONS:
            raise InputError(
                "is a reserved name", file=source, field=path, remedy="Choose another name"
            )
        if entry["method"] == "per_explainer":
            for name in entry["explainers"]:
                if name not in config["explainers"]:
                    raise InputError(
                        "is no explainer of this config",
                        file=source,
                        field=f"{path}.explainers.{name}",
                        remedy=suggestion(name, config["explainers"], "Known"),
                    )
        for where, rule in rules_of(config, key):
            _check_rule(rule, where, config, source)


def _check_rule(rule: dict[str, Any], path: str, config: dict, source: str) -> None:
    if rule["method"] == "per_explainer":
        raise InputError(
            "per_explainer cannot hold another one",
            file=source,
            field=path,
            remedy="Name a simple rule here",
        )
    _check_superpixels(rule, path, source)
    if rule["method"] == "tuned" and "val" not in config["explain"]["splits"]:
        raise InputError(
            "is tuned on the validation split, which is not explained",
            file=source,
            field=path,
            remedy="Add val to explain.splits",
        )


def _check_superpixels(settings: dict[str, Any], path: str, source: str) -> None:
    """Keep the chosen algorithm's parameters and fill in its defaults."""
    given = settings.get("superpixels")
    if given is None:
        return
    algorithm = given["algorithm"]
    defaults = SUPERPIXEL_DEFAULTS[algorithm]
    for key in given:
        if key != "algorithm" and key not in defaults:
            raise InputError(
                f"is no parameter of {algorithm}",
                file=source,
                field=f"{path}.superpixels.{key}",
                remedy=suggestion(key, defaults, "Its parameters"),
            )
    settings["superpixels"] = {"algorithm": algorithm, **defaults, **given}


def _check_sampling(settings: dict[str, Any], path: str, source: str) -> None:
    """Fill in LIME's number of samples; refuse odd ones where a design consists of pairs."""
    if settings["method"] == "lime" and settings["samples"] is None:
        few = settings["sampling"] == "interpolated"
        settings["samples"] = SAMPLES_INTERPOLATED if few else SAMPLES
    if settings.get("sampling") not in PAIRED:
        return
    adaptive = settings.get("adaptive")
    if adaptive:
        counts = {f"adaptive.{key}": adaptive[key] for key in ("budget", "batch")}
    else:
        counts = {"samples": settings["samples"]}
    for key, count in counts.items():
        if count % 2:
            raise InputError(
                f"{count} is odd, and {settings['sampling']} samples come in pairs",
                file=source,
                field=f"{path}.{key}",
                remedy=f"Use {count + 1}",
            )


def _inside_lung(config: dict[str, Any]) -> list[str]:
    """Name the explainers and binarizations whose superpixels are made inside the lung."""
    rules = [rule for key in config["binarizations"] for rule in rules_of(config, key)]
    return [
        f"{path}.superpixels"
        for path, entry in [*all_explainers(config), *rules]
        if inside_lung(entry)
    ]


def _check_dataset(key: str, settings: dict[str, Any], config: dict, source: str) -> None:
    path = f"datasets.{key}"
    if settings["source"] == "chexlocalize":
        check_chexpert(key, config, source)
    if settings["lung_masks"] == "none":
        asking = [f"{path}.input"] if settings["input"] != "full" else []
        asking += [f"{where}.lung" for where, part in all_postprocessing(config) if part["lung"]]
        asking += [
            f"explainers.{name}"
            for name, explainer in config["explainers"].items()
            if method_of(explainer["method"]).needs_lung or explainer.get("align") == "lung_box"
        ]
        asking += _inside_lung(config)
        if asking:
            raise InputError(
                f"needs lung masks, and {path}.lung_masks is none",
                file=source,
                field=asking[0],
                remedy="Leave it out, or use a data set with lung masks",
            )
    _check_lung_source(key, settings, config, source)
    low, high = settings["intensity_percentiles"]
    if low >= high:
        raise InputError(
            f"{low:g} is not below {high:g}",
            file=source,
            field=f"{path}.intensity_percentiles",
            remedy="Give the percentile of black, then that of white",
        )
    check_origin(key, settings, source)
    _check_mask_values(key, settings, source)
    _check_second_reader(key, settings, config, source)
    renamed = [name for name in settings["labels"].values() if name is not None]
    for field, names in (("annotated_classes", settings["annotated_classes"]), ("labels", renamed)):
        for name in filter(is_reserved, names):
            raise reserved_error(name, file=source, field=f"{path}.{field}")
    for cls in settings["annotated_classes"]:
        if settings["labels"].get(cls, cls) is None:
            raise InputError(
                "is annotated but left out by 'labels'",
                file=source,
                field=f"{path}.annotated_classes: {cls}",
                remedy="Drop it from one of the two",
            )
    if settings["source"] == "phantom":
        classes = ["COVID-19", "Non-COVID", "Normal"]
        named = [("annotated_classes", cls) for cls in settings["annotated_classes"]]
        named += [("labels", cls) for cls in settings["labels"]]
        named += [("shortcut.class", settings["shortcut"]["class"])]
        for field, cls in named:
            if cls is not None and cls not in classes:
                raise InputError(
                    f"the phantom has no class {cls!r}",
                    file=source,
                    field=f"{path}.{field}",
                    remedy=suggestion(cls, classes, "Its classes"),
                )
    model_classes = {settings["labels"].get(c, c) for c in settings["annotated_classes"]}
    asked = {"explain.target": config["explain"]["target"]}
    asked |= {f"explain.targets.{k}": v for k, v in config["explain"]["targets"].items()}
    for field, target in asked.items():
        if target in {"reference", "predicted"} or settings["source"] != "phantom":
            continue
        model_classes |= {settings["labels"].get(c, c) for c in classes}
        if target not in model_classes:
            raise InputError(
                f"{target!r} is no class of {path}",
                file=source,
                field=field,
                remedy=suggestion(
                    target,
                    ["reference", "predicted", *sorted(filter(None, model_classes))],
                    "Known",
                ),
            )


def _check_mask_values(key: str, settings: dict[str, Any], source: str) -> None:
    """See that values are given to masks that are read, and not to the background alone."""
    values = mask_values_of(settings)
    known = [*settings["annotated_classes"], LUNG, FOREGROUND, BACKGROUND]
    for name in values:
        field = f"datasets.{key}.mask_values.{name}"
        if name not in known:
            raise InputError(
                f"{name!r} is not an annotated class",
                file=source,
                field=field,
                remedy=suggestion(name, known),
            )
    if list(values) == [BACKGROUND]:
        raise InputError(
            "names the background and no foreground",
            file=source,
            field=f"datasets.{key}.mask_values",
            remedy=f"Add a class, {LUNG} or {FOREGROUND}",
        )


def _check_lung_source(key: str, settings: dict[str, Any], config: dict, source: str) -> None:
    """See that predicted lungs have a data set to learn from; it has provided ones: no cycles."""
    path, origin = f"datasets.{key}", settings["lung_from"]
    if settings["lung_masks"] != "predicted":
        if origin is not None:
            raise InputError(
                f"is only read where lung_masks is predicted, not {settings['lung_masks']}",
                file=source,
                field=f"{path}.lung_from",
                remedy="Leave it out, or set lung_masks: predicted",
            )
        return
    able = [k for k, other in config["datasets"].items() if other["lung_masks"] == "provided"]
    if origin not in able:
        what = "is missing" if origin is None else f"{origin!r} is no data set with lung masks"
        raise InputError(
            what,
            file=source,
            field=f"{path}.lung_from",
            remedy=suggestion(origin or "", able, "Those with lung_masks: provided")
            if able
            else "Add a data set with lung_masks: provided to the config",
        )


def _check_second_reader(key: str, settings: dict[str, Any], config: dict, source: str) -> None:
    asking = [k for k, e in config["explainers"].items() if e["method"] == "second_reader"]
    has_one = settings["source"] == "table" or settings.get("second_reader", False)
    has_one = has_one or bool(settings.get("human_benchmark", {}).get("segmentations"))
    if asking and not has_one:
        raise InputError(
            f"needs the masks of a second reader, and datasets.{key} has none",
            file=source,
            field=f"explainers.{asking[0]}",
            remedy="Leave it out, or use a table with columns second_mask:<class> "
            "(the phantom: second_reader: true; chexlocalize: human_benchmark.segmentations)",
        )


def _check_classifier(key: str, settings: dict[str, Any], source: str) -> None:
    path = f"classifiers.{key}"
    if settings["training"] is None and settings["weights"] in (None, "imagenet"):
        raise InputError(
            "is not trained here, so a checkpoint must be named",
            file=source,
            field=f"{path}.weights",
            remedy="Give the path of a checkpoint, or a 'training' section",
        )
    if settings["output_values"] == "probabilities" and settings["training"] is not None:
        raise InputError(
            "a network that is trained here must return logits",
            file=source,
            field=f"{path}.output_values",
            remedy="Leave it out, and remove the network's last softmax or sigmoid",
        )
    if settings["transform_input"] is not None and settings["architecture"] not in RESCALING:
        raise InputError(
            f"is read for {' and '.join(RESCALING)} alone",
            file=source,
            field=f"{path}.transform_input",
            remedy="Leave it out; `mean` and `std` give what the input was normalised with",
        )
    if settings["weights_entry"] is not None and settings["weights"] in (None, "imagenet"):
        raise InputError(
            "chooses among the weights of a file, and no file is named",
            file=source,
            field=f"{path}.weights_entry",
            remedy="Leave it out, or give the path of the file under weights",
        )
    of_xrv = settings["architecture"].startswith("xrv:")
    if settings["outputs"] is not None and not (of_xrv and settings["training"] is None):
        raise InputError(
            "maps the outputs of a torchxrayvision checkpoint that is not trained here",
            file=source,
            field=f"{path}.outputs",
            remedy="Leave it out; elsewhere `classes` gives the order of the outputs",
        )
    if of_xrv and settings["weights"] == "imagenet":
        raise InputError(
            "torchxrayvision's networks have no ImageNet weights",
            file=source,
            field=f"{path}.weights",
            remedy="Give the path of an exported state dict (docs/models.md), or null",
        )
    if settings["architecture"] == "torchscript":
        if not settings["trusted"]:
            raise InputError(
                "TorchScript can run any code in the file",
                file=source,
                field=f"{path}.trusted",
                remedy="Set 'trusted: true' if you know where the file comes from",
            )
        if settings["training"] is not None:
            raise InputError(
                "TorchScript models are only loaded",
                file=source,
                field=f"{path}.training",
                remedy="Set 'training: null'",
            )
