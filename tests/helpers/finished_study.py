"""Finished studies without images: the files that a comparison of two studies reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from fidelity.settings import load
from fidelity.study import paths
from fidelity.study.study import Study
from tests.helpers.synthetic_results import study

CONFIG: dict[str, Any] = {
    "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19", "Non-COVID"]}},
    "classifiers": {"net": {"architecture": "resnet18"}},
    "explainers": {
        "lime": {"method": "lime"},
        "gradcam": {"method": "gradcam"},
        "lung_mask": {"method": "lung_mask"},
    },
    "binarizations": {"fixed50": {"method": "fixed", "threshold": 0.5}, "otsu": {"method": "otsu"}},
    "statistics": {"replicates": 2000, "permutations": 1999},
}
LEVELS = {"lime": 0.5, "gradcam": 0.3, "lung_mask": 0.4}
RECORD = {
    "code": {"version": "0.1.0", "commit": "a" * 40, "dirty": False},
    "classifiers": {"net": {"digest": "0"}},
    "seeds": {"training": {"net": 7}},
    "environment": {"python": "3.11.7", "packages": {"numpy": "2.0.0", "scipy": "1.0.0"}},
}


def written(
    project: Path,
    config: dict[str, Any] = CONFIG,
    levels: dict[str, float] = LEVELS,
    *,
    cases: int = 40,
    change: Callable[[pd.DataFrame, str], pd.DataFrame] = lambda rows, explainer: rows,
    record: dict[str, Any] = RECORD,
) -> Path:
    """Write a finished study of one data set.

    Args:
        project: the folder that holds the folder `results`.
        config: the raw config, with one data set.
        levels: explainer → its approximate mean IoU.
        cases: number of cases.
        change: takes the scores of an explainer and its name, and returns the scores to write.
        record: keys of provenance.json other than the data set and the config.

    Returns:
        The folder of the data set.
    """
    known = Study(load(config, check_files=False))
    (dataset,) = known.datasets
    results = project / paths.RESULTS
    results.mkdir(parents=True)
    names = tuple(known.classifiers) or ("none",)
    files, combos = study(results, levels, names, tuple(known.binarizations), cases)
    ids: set[str] = set()
    for file, combo in zip(files, combos, strict=True):
        combo["dataset"] = dataset
        rows = change(pd.read_parquet(file), combo["explainer"])
        Path(file).unlink()
        ids |= set(rows["case"])
        pattern = paths.RANKING if combo["binarization"] == "none" else paths.SCORES
        path = project / pattern.format(**combo)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(path)
    listed = pd.DataFrame([{"case": case, "digest": f"of {case}"} for case in sorted(ids)])
    listed.to_csv(project / paths.CASES.format(dataset=dataset), index=False)
    table = project / paths.table("localization").format(dataset=dataset)
    table.parent.mkdir()
    pd.DataFrame(combos).to_csv(table, index=False)
    found = {"dataset": dataset, "config": known.config.recorded(), **record}
    provenance = project / paths.PROVENANCE.format(dataset=dataset)
    provenance.write_text(json.dumps(found), encoding="utf-8")
    return provenance.parent
