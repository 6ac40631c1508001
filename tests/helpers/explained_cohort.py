"""A few explained cases on disk, for the tests of scripts that read maps."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps
from fidelity.masks.run_lengths import encode

SIZE = (24, 32)
WORKING = 16
CLASSES = {
    "classes": ["COVID", "Normal"],
    "task": "multiclass",
    "annotated": ["COVID-19"],
    "labels": {"COVID-19": "COVID", "Pneumonia": "COVID", "Normal": "Normal"},
}


def square(y0: int, x0: int, y1: int, x1: int) -> np.ndarray:
    """Return a mask that is a rectangle."""
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def case_of(
    name: str,
    references: dict[str, np.ndarray],
    split: str = "test",
    lung: np.ndarray | None = None,
) -> PreparedCase:
    """Create a prepared case whose image is dark in the upper half and bright in the lower half."""
    image = np.full((WORKING, WORKING), 20, np.uint8)
    image[WORKING // 2 :] = 200
    return PreparedCase(
        case=name,
        patient=f"p-{name}",
        split=split,
        labels=tuple(references),
        image=image,
        lung=None if lung is None else np.ones((WORKING, WORKING), bool),
        native_size=SIZE,
        box=(0, 0, *SIZE),
        references={cls: encode(mask) for cls, mask in references.items()},
        lung_native=None if lung is None else encode(lung),
        digest="0",
    )


def record_of(
    name: str,
    values: np.ndarray | None,
    cls: str = "COVID-19",
    target: str = "COVID",
    kind: str = "dense",
) -> MapRecord:
    """Create a map record; a failed record has no values."""
    if values is None:
        return MapRecord(name, cls, target, "failed", "no layer", 0.1)
    saliency = SaliencyMap(kind, values.astype(np.float32))
    return MapRecord(name, cls, target, "ok", "", 0.1, {}, saliency)


def write_cohort(
    folder: Path, shards: list[list[tuple[PreparedCase, MapRecord]]]
) -> tuple[list[str], list[str]]:
    """Write map files, prepared shards and classes.json. Return the two lists of paths."""
    folder.mkdir(parents=True, exist_ok=True)
    maps, prepared = [], []
    for index, pairs in enumerate(shards):
        maps.append(str(folder / f"maps-{index}.h5"))
        prepared.append(str(folder / f"prepared-{index}.h5"))
        write_maps(maps[-1], [record for _, record in pairs], {})
        cases = {case.case: case for case, _ in pairs}
        attrs = {"image_size": WORKING, "classes": CLASSES["classes"]}
        write_prepared(prepared[-1], cases.values(), attrs)
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return maps, prepared


def write_predictions(path: Path, covid: dict[str, float]) -> str:
    """Write predictions.csv from the probability of COVID of each case. All cases are COVID."""
    rows = [
        (name, f"p-{name}", "test", cls, int(cls == "COVID"), 0.0, value)
        for name, probability in covid.items()
        for cls, value in (("COVID", probability), ("Normal", 1 - probability))
    ]
    columns = ["case", "patient", "split", "class", "label", "logit", "probability"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return str(path)
