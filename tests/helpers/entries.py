"""Entries of a config, as models."""

from typing import Any

from fidelity.settings.classifiers import Augmentation, Stage, StageAugmentation, Training
from fidelity.settings.closed_model import Entry, Model


def with_keys(entry: Model, **keys: Any) -> Model:
    """Give an entry with other values of some keys, checked as a config's."""
    given = entry.model_dump() | keys
    plain = {k: v.model_dump() if isinstance(v, Entry) else v for k, v in given.items()}
    return type(entry).model_validate(plain)


def training(**keys: Any) -> Training:
    """Give settings of a training without random changes of images; unchecked."""
    still = dict.fromkeys(Augmentation.model_fields, 0)
    keys = {"patience": 5, **keys}
    keys["augmentation"] = Augmentation.model_construct(**(still | keys.get("augmentation", {})))
    keys["stages"] = [stage(**own) for own in keys.get("stages", [])]
    return Training.model_construct(**keys)


def stage(**keys: Any) -> Stage:
    """Give a stage of a training; unchecked."""
    if "augmentation" in keys:
        keys["augmentation"] = StageAugmentation.model_construct(**keys["augmentation"])
    return Stage.model_construct(**keys)
