"""Entries of a config, as models."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fidelity.datasets.splits import SPLITS
from fidelity.settings.binarizations import Binarization, Postprocess
from fidelity.settings.classifiers import Augmentation, Stage, StageAugmentation, Training
from fidelity.settings.closed_model import Entry, Model, checked
from fidelity.settings.datasets import Cases, Dataset, HumanBenchmark, Shortcut, Tables

SECTIONS = {"shortcut": Shortcut, "tables": Tables, "human_benchmark": HumanBenchmark}


def with_keys(entry: Model, **keys: Any) -> Model:
    """Return an entry with other values for some keys, validated as in a config."""
    given = entry.model_dump() | keys
    plain = {k: v.model_dump() if isinstance(v, Entry) else v for k, v in given.items()}
    return type(entry).model_validate(plain)


def training(**keys: Any) -> Training:
    """Return training settings without random changes of images. They are not validated."""
    still = dict.fromkeys(Augmentation.model_fields, 0)
    keys = {"patience": 5, **keys}
    keys["augmentation"] = Augmentation.model_construct(**(still | keys.get("augmentation", {})))
    keys["stages"] = [stage(**own) for own in keys.get("stages", [])]
    return Training.model_construct(**keys)


def stage(**keys: Any) -> Stage:
    """Return a stage of a training. It is not validated."""
    if "augmentation" in keys:
        keys["augmentation"] = StageAugmentation.model_construct(**keys["augmentation"])
    return Stage.model_construct(**keys)


def dataset(source: str, keys: Mapping[str, Any] | Dataset = MappingProxyType({})) -> Dataset:
    """Return a data set's entry with defaults for missing keys. It is not validated."""
    if isinstance(keys, Dataset):
        return keys
    given = {"annotated_classes": [], "image_size": 224, **keys}
    for key, section in SECTIONS.items():
        if isinstance(given.get(key), dict):
            given[key] = section.model_validate(given[key])
    if isinstance(given.get("cases"), dict):
        given["cases"] = Cases.model_construct(**dict.fromkeys(SPLITS, 0) | given["cases"])
    kind = Dataset.kinds()[given.pop("source", source)]
    return kind.model_construct(**given)


def rule(keys: Mapping[str, Any]) -> Binarization:
    """Return the entry of a binarization."""
    return Binarization.chosen(keys)


def steps(keys: Mapping[str, Any]) -> Postprocess:
    """Return post-processing settings. Missing keys get their defaults, which do nothing."""
    return checked(Postprocess, keys)
