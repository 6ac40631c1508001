"""Write the methods of a study from its config, as far as its tables show that it was run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.columns.comparisons import EQUIVALENCE_UNITS
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_CLASSIFIER,
    keep_test_split,
    pooled_classes,
    primary_setting,
    unit_of,
)
from fidelity.datasets.registry import GENERATORS
from fidelity.explainers.lime.designs import SAMPLES
from fidelity.explainers.registry import explains
from fidelity.faithfulness.registry import METRICS as FAITHFULNESS
from fidelity.metrics.conventions import PROTOCOLS, base_name
from fidelity.metrics.map_registry import RANKING
from fidelity.metrics.registry import METRICS
from fidelity.pages.methods.references import cite, without_marks
from fidelity.pages.methods.training import training_of
from fidelity.presentation import titles
from fidelity.presentation.page import paragraphs
from fidelity.presentation.wording import confidence, counted, empty_masks, listed, set_value

DATA_SOURCES = {
    "covid_qu_ex": ("Tahir 2021",),
    "chexlocalize": ("Irvin 2019", "Saporta 2022"),
    "nih": ("Wang 2017",),
    "rsna": ("Shih 2019",),
    "vindr": ("Nguyen 2022",),
    "chestx_det": ("Lian 2021",),
    "tbx11k": ("Liu 2020",),
    "ms_cxr": ("Boecking 2022",),
    "padchest_gr": ("Castro 2024",),
    "qata": ("Degerli 2021",),
    "jsrt": ("Shiraishi 2000",),
}
ARCHITECTURES = {"resnet": "He 2016", "densenet": "Huang 2017"}

# Protocols whose titles would not be understood in a sentence.
PROTOCOL_NAMES = {
    "seed": "the original LIME study (LIME against Grad-CAM)",
    "surface-distance": "DeepMind's package surface-distance",
}
RULE_SOURCES = {"otsu": "Otsu 1979", "chexlocalize_otsu": "Saporta 2022"}
SIGNS = {
    "positive": "Negative values of each map were set to 0.",
    "absolute": "Each map was replaced by its absolute values.",
    "signed": "Each map kept its negative values.",
}
# How references were drawn, as in localization.csv → the plural.
PLURAL = {"mask": "masks", "box": "boxes"}
BOX_PROTOCOLS = {"wsol": "Choe 2020", "chestxray8": "Wang 2017", "rodeo": "Meissen 2023"}
# Keys of an entry that are not parameters of its method, or that name files.
_NO_PARAMETERS = {"method", "title", "family", "of"}
# Settings that act only with one value of another setting: key → the other and this value.
_ACTS_WITH = {
    "hide_sigma": ("hide", "blur"),
    "hide_radius": ("hide", "inpaint"),
    "fill_sigma": ("fill", "blur"),
}
# Settings of `adaptive` that are not used if it stops by `error`.
_NOT_WITH_ERROR = {"level", "top"}
# Units of settings, by method and key.
_UNITS = {
    ("centre_prior", "sigma"): " of the image's side",
    ("edge_map", "sigma"): " pixels of the working image",
}
# Words for keys that need an explanation; other keys are used as words.
_WORDS = {
    "align": "one mean for each class, aligned to",
    "fill": "hidden pixels are filled with",
    "hide": "hidden superpixels are filled with",
    "hide_radius": "radius of the inpainting",
    "hide_sigma": "width of the blur",
    "fill_sigma": "width of the blur",
    "max_dist": "maximum distance",
    "n_segments": "number",
    "output": "explained output",
    "repeats": "number of random seeds",
    "stability_top": "superpixels compared between seeds",
}
# Words for values that need an explanation, by the key of the setting.
_VALUES = {
    ("fill", "blur"): "the blurred image",
    ("fill", "mean"): "the mean of the image",
    ("hide", "blur"): "the blurred image",
    ("hide", "mean"): "their mean grey value",
    ("align", "image"): "the image",
    ("align", "lung_box"): "the box around the lungs",
    ("sampling", "interpolated"): "a Gaussian process, fitted to the samples' outputs, "
    "predicts those of any other subsets of superpixels; regression: over at most 32,768 subsets",
}
_SPLITS = {"train": "training", "val": "validation", "test": "test"}


def methods(
    localization: pd.DataFrame,
    counts: pd.DataFrame,
    settings: Mapping[str, Any],
    *,
    unit: str,
    compared: bool,
    software: str,
) -> list[str]:
    """Write the methods of one data set.

    Args:
        localization: localization.csv; what it lacks was not run and is not mentioned.
        settings: `dataset`, `config` (`Config.recorded` of this data set), `families`, `sources`
            (explainer → the papers of its method; none for a plugin), `diagnostic` (binarizations
            that use the reference) and `bases`. `trained`:
            classifiers that were trained here. `faithfulness`: its metrics that were measured.
            `boxes_from` and `box_protocols`: how boxes were scored; empty if they were not.
            `layers`: classifier → explainer → the layer that it reads. `sizes`: width and height
            of the original images, each once; empty if they are not known.
        software: as cited: authors, title, version, year.

    Returns:
        One paragraph per subject, with marked citations (`references.cite`).
    """
    config, families = settings["config"], settings["families"]
    kinds = [k for k in PLURAL if localization["reference"].str.contains(k).any()]
    data = config["datasets"][settings["dataset"]]
    shown = keep_test_split(localization)
    names = titles.ordered(list(shown["explainer"].unique()))
    statistics, primary = config["statistics"], config["statistics"]["primary"]
    metrics = list(dict.fromkeys(shown["metric"]))
    rules = [name for name in dict.fromkeys(shown["binarization"]) if name != "none"]
    protocols = [name for name in dict.fromkeys(shown["protocol"]) if name != DEFAULT_PROTOCOL]
    # A distance in pixels, in millimetres and as a share of the diagonal is one metric.
    others = list(dict.fromkeys(base_name(name) for name in metrics if name not in RANKING))
    return paragraphs(
        "notes/methods.txt.j2",
        cite=cite,
        dataset=without_marks(titles.dataset_title(settings["dataset"])),
        data_sources=DATA_SOURCES.get(data["source"], ()),
        generated=data["source"] in GENERATORS,
        cases=_cases(counts),
        disjoint=data["duplicates"] != "keep",
        second_reader=_has_second_reader(names, config["explainers"]),
        classes=listed(map(without_marks, data["annotated_classes"])),
        several_classes=len(data["annotated_classes"]) > 1,
        references=" and ".join(PLURAL[kind] for kind in kinds),
        reference=f"reference {' or '.join(kinds)}",
        filled="box" in kinds,
        readers=_readers(_rule_of_readers(data)),
        planted={"mark": "bright mark", "texture": "faint texture"}.get(
            (data.get("planted") or {}).get("kind")
        ),
        boxes=_boxes(settings, config["scores"]["boxes"]),
        sizes=_sizes(settings["sizes"]),
        image_size=data["image_size"],
        input="" if data["input"] == "full" else f" (input: {data['input']})",
        scoring_size="working" if data["scoring_size"] == "working" else "original image",
        lungs=_lungs(data),
        split=_SPLITS[shown["split"].iloc[0]],
        n=_size(shown, statistics, unit),
        classifiers=_classifiers(shown, settings),
        **_explainers(names, shown["classifier"].unique(), settings),
        target=_target(config["explain"], any(explains(families[name]) for name in names)),
        sign=SIGNS[config["postprocess"]["sign"]],
        rules=listed(_rule(name, settings) for name in rules),
        primary_rule=titles.binarization_title(statistics["primary_binarization"]),
        postprocess=_postprocess(config["postprocess"]),
        primary=_metric(primary),
        others=listed(_metric(name) for name in others if name != primary),
        ranking=listed(_metric(name) for name in metrics if name in RANKING and name != primary),
        empty=empty_masks(config["scores"]["empty"]),
        conventions=listed(
            PROTOCOL_NAMES.get(name, titles.protocol_title(name)) + cite(PROTOCOLS[name].source)
            for name in protocols
        ),
        faithfulness=listed(
            FAITHFULNESS[name].title + cite(FAITHFULNESS[name].source)
            for name in settings["faithfulness"]
        ),
        interval=confidence(statistics),
        statistics=statistics,
        unit=unit,
        compared=compared,
        share=unit_of(primary) == "1",
        fewest=EQUIVALENCE_UNITS,
        seed=config["seed"],
        # Without the authors, because they write this text.
        software=software[software.index("“") :],
    )


def _rule_of_readers(data: Mapping[str, Any]) -> str | None:
    """Return the rule that joins readers: from `reference`, or else from VinDr-CXR's `readers`."""
    if data.get("reference") or data["source"] != "vindr":
        return data.get("reference")
    return "union" if data["readers"] == "all" else data["readers"]


def _readers(rule: str | None) -> str:
    """State how several readers were joined into one reference; empty if they were not."""
    if not rule:
        return ""
    words = {
        "union": "their union",
        "intersection": "their intersection",
        "majority": "the majority of them",
        "staple": f"STAPLE{cite('Warfield et al. 2004')}",
    }
    return words.get(rule, f"taking the reference of “{without_marks(rule)}”")


def _has_second_reader(names: Iterable[str], entries: Mapping[str, Any]) -> bool:
    """Check whether masks of an unnamed second reader were scored."""
    read = (entries.get(name, {}) for name in names)
    return any(e.get("method") == "second_reader" and not e.get("reader") for e in read)


def _boxes(settings: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    """State how boxes were scored; empty if they were not."""
    if not settings["boxes_from"]:
        return {}
    return {
        "threshold": rule["threshold"],
        "of": "its highest value" if rule["of"] == "maximum" else "1",
        "drawn": settings["boxes_from"] == "references",
        "protocols": listed(
            titles.protocol_title(name) + cite(BOX_PROTOCOLS[name])
            for name in settings["box_protocols"]
        ),
    }


def _cases(counts: pd.DataFrame) -> str:
    used = counts[counts["status"] == "used"].groupby("split", sort=False)["n"].sum()
    parts = [
        f"{used[split]} in the {title} split" for split, title in _SPLITS.items() if split in used
    ]
    return listed(parts)


def _sizes(sizes: Sequence[tuple[int, int]]) -> str:
    """State the size of the original images, or the range of sizes."""
    if len(sizes) < 2:
        return "".join(f" The original images have {w} × {h} pixels." for w, h in sizes)
    wide, high = (f"{min(side)} to {max(side)}" for side in zip(*sizes, strict=True))
    return f" The original images are {wide} pixels wide and {high} pixels high."


def _lungs(data: Mapping[str, Any]) -> str:
    kinds = {
        "provided": "Lung masks are those of the data set.",
        "chexmask": "Lung and heart masks are those of CheXmask" + cite("Gaggion 2024") + ".",
        "predicted": "Lung masks were predicted by a U-Net" + cite("Ronneberger 2015") + ".",
    }
    return kinds.get(data["lung_masks"], "")


def _size(shown: pd.DataFrame, statistics: Mapping[str, Any], unit: str) -> str:
    rows = primary_setting(pooled_classes(shown), statistics)
    rows = rows[rows["metric"] == statistics["primary"]]
    if rows.empty:
        return "no case"
    largest = rows.loc[rows["n"].idxmax()]
    text, units = counted(int(largest["n"]), "case"), int(largest["n_patients"])
    if units >= largest["n"]:
        return text
    if unit == "patient" or statistics["cluster"] == "case":
        return f"{text} of {counted(units, 'patient')}"
    return f"{text} (an image and a class each) of {counted(units, 'image')}"


def _classifiers(shown: pd.DataFrame, settings: Mapping[str, Any]) -> list[str]:
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(shown["classifier"]):
        if name != NO_CLASSIFIER:
            found.setdefault(settings["bases"].get(name, name), []).append(name)
    return [_classifier(base, names, settings) for base, names in found.items()]


def _classifier(base: str, names: Sequence[str], settings: Mapping[str, Any]) -> str:
    entry = settings["config"]["classifiers"].get(base)
    who = listed(without_marks(titles.classifier_title(name)) for name in names)
    if entry is None:
        return f"{who}."
    architecture = titles.architecture_title(entry["architecture"])
    source = next((s for a, s in ARCHITECTURES.items() if a in entry["architecture"].lower()), "")
    kind = "" if architecture in who else f" ({architecture})"
    text = f"{who}{kind}{cite(source)}"
    was = "was" if len(names) == 1 else "were"
    training = entry.get("training")
    if not training or not set(names) & set(settings["trained"]):
        return f"{text} {was} loaded with given weights."
    return f"{text} {was} {training_of(entry, len(names))}"


def _explainers(
    names: Sequence[str], classifiers: Iterable[str], settings: Mapping[str, Any]
) -> dict[str, str]:
    """Describe the explainers of each kind, as far as the config lists them."""
    entries, families = settings["config"]["explainers"], settings["families"]
    kinds = {
        "explained": explains,
        "nulls": lambda family: family == "baseline",
        "ceilings": lambda family: family == "ceiling",
    }
    told = {
        kind: listed(
            _explainer(
                name,
                entries[name],
                settings["sources"][name],
                _layers(name, classifiers, settings),
                settings["meanings"][name],
            )
            for name in names
            if is_kind(families[name]) and name in entries
        )
        for kind, is_kind in kinds.items()
    }
    told["explained"] = (
        f"{told['explained']}." if told["explained"] else "No explainer of a classifier was run."
    )
    return told


def _explainer(
    name: str, entry: Mapping[str, Any], sources: Sequence[str], layers: str, meaning: str
) -> str:
    told = [meaning] if meaning else []
    if sources and entry["method"] != "imported":
        acting = _acting(entry.get("of") or entry)
        if layers and acting.pop("layer", None):
            told.append(f"layer {layers}")
        told += _flat(acting)
    title = without_marks(titles.plain_title(name)) + cite(*sources)
    return f"{title} ({'; '.join(told)})" if told else title


def _layers(explainer: str, classifiers: Iterable[str], settings: Mapping[str, Any]) -> str:
    """Name the layer that an explainer reads, for each classifier if they differ."""
    found: dict[str, dict[str, None]] = {}
    for name in classifiers:
        if layer := settings["layers"].get(name, {}).get(explainer):
            title = without_marks(titles.classifier_title(settings["bases"].get(name, name)))
            found.setdefault(layer, {})[title] = None
    if len(found) == 1:
        return f"“{next(iter(found))}”"
    return listed(f"“{layer}” of {listed(whose)}" for layer, whose in found.items())


def _acting(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out settings that other settings switch off; add units, and name LIME's penalty."""
    idle = {key for key, (other, value) in _ACTS_WITH.items() if entry.get(other) != value}
    idle |= {"stability_top"} if entry.get("repeats") == 1 else set()
    found = {key: value for key, value in entry.items() if key not in idle}
    for (method, key), unit in _UNITS.items():
        if entry["method"] == method and key in found:
            found[key] = set_value(found[key]) + unit
    if entry["method"] == "lime":
        found["alpha"] = set_value(entry["alpha"])
        if entry["sampling"] != "package":
            found["alpha"] += f" for every {SAMPLES} subsets in the regression"
        found = {"ridge_penalty" if key == "alpha" else key: v for key, v in found.items()}
    if adaptive := found.get("adaptive"):
        del found["samples"]
        if adaptive["error"] is not None:
            found["adaptive"] = {k: v for k, v in adaptive.items() if k not in _NOT_WITH_ERROR}
    return found


def _flat(entry: Mapping[str, Any], before: str = "") -> Iterable[str]:
    """List the parameters of a method in words: "samples: 1000", "precision: float32"."""
    for key, value in entry.items():
        name = f"{before}{_WORDS.get(key, key.replace('_', ' '))}"
        if isinstance(value, dict):
            # What a nested method sets is named after the method's key.
            method = value.get("method")
            yield from [f"{name}: {_word(method)}"] if method else []
            yield from _flat({k: v for k, v in value.items() if k != "method"}, f"{name} ")
        elif value not in (None, "") and (before or key not in _NO_PARAMETERS):
            yield f"{name}: {_VALUES.get((key, str(value))) or _value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return set_value(value)
    return listed(map(_value, value)) if isinstance(value, list) else _word(value)


def _word(value: Any) -> str:
    if value in METRICS:
        return METRICS[value].title
    return without_marks(str(value)).replace("_", " ")


def _rule(name: str, settings: Mapping[str, Any]) -> str:
    entry = settings["config"]["binarizations"].get(name, {})
    plain = entry.get("method") in (None, "fixed", "per_explainer")
    told = "" if plain else "; ".join(_flat(entry))
    if entry.get("method") == "tuned":
        best = _word(entry["metric"])
        told = f"one per method and class, with the best mean {best} on the validation split"
    if name in settings["diagnostic"]:
        why = "it uses the reference mask, so its scores are too optimistic to report"
        told = "; ".join([told, why] if told else [why])
    source = cite(RULE_SOURCES.get(entry.get("method"), ""))
    return f"“{titles.binarization_title(name)}”{source}" + (f" ({told})" if told else "")


def _metric(name: str) -> str:
    known = METRICS[name]
    return f"{known.title}{cite(known.source)}"


def _postprocess(entry: Mapping[str, Any]) -> str:
    steps = {
        "lung": "restricted to the lung mask",
        "median": f"smoothed by a median of {entry['median']} pixels",
        "opening": f"opened by a disc of radius {entry['opening']} pixels",
        "fill_holes": "freed of holes",
        "min_component": f"freed of parts below {set_value(entry['min_component'])}",
        "min_probability": "emptied where the probability of the class is below "
        f"{set_value(entry['min_probability'])}",
    }
    done = [words for key, words in steps.items() if entry[key]]
    return f"Masks were then {listed(done)}." if done else "Masks were not processed further."


def _target(explain: Mapping[str, Any], asked: bool) -> str:
    if not asked:
        return ""
    what = {"reference": "the class of the reference mask", "predicted": "the predicted class"}
    own = [
        f"{what.get(target, without_marks(target))} for "
        f"{without_marks(titles.explainer_title(name))}"
        for name, target in explain["targets"].items()
    ]
    target = listed([what.get(explain["target"], without_marks(explain["target"])), *own])
    return f" The explained class is {target}."
