"""Mean threshold curves equal plain numpy and scipy's bootstrap of independent cases."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from fidelity.analysis.columns.localization import THRESHOLD_CURVES
from fidelity.analysis.threshold_curves import mean_curves
from tests.helpers import synthetic_results as made_up
from tests.helpers.run_script import run_script


def test_means_and_counts_by_numpy():
    table = made_up.curves(0.4, 12)
    table.loc[table["case"] == table["case"].iloc[0], "reference_empty"] = True
    other = table.assign(split="val", iou=0.0)  # another split must not change the result
    found = mean_curves({"a": pd.concat([table, other]), "b": table}, made_up.STATISTICS)
    assert list(found.columns) == THRESHOLD_CURVES.names
    assert list(dict.fromkeys(found["explainer"])) == ["a", "b"]
    kept = table[~table["reference_empty"]]
    for row in found.to_dict("records"):
        part = kept[(kept["class"] == row["class"]) & (kept["threshold"] == row["threshold"])]
        assert row["n"] == len(part)
        assert row["mean"] == pytest.approx(part[row["metric"]].mean(), abs=1e-12)
        assert row["ci_low"] <= row["mean"] <= row["ci_high"]


def test_intervals_are_those_of_scipys_bootstrap():
    values = np.random.default_rng(0).uniform(size=60)
    table = pd.DataFrame(
        {
            "case": [str(number) for number in range(60)],
            "patient": [str(number) for number in range(60)],
            "split": "test",
            "class": "x",
            "threshold": 0.5,
            "iou": values,
            "dice": values,
            "reference_empty": False,
        }
    )
    found = mean_curves({"a": table}, {**made_up.STATISTICS, "replicates": 4000})
    row = found[found["metric"] == "iou"].iloc[0]
    peer = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert row["ci_low"] == pytest.approx(peer.low, abs=0.01)
    assert row["ci_high"] == pytest.approx(peer.high, abs=0.01)


def test_the_script_and_no_reference(tmp_path):
    table = made_up.curves(0.4, 4)
    paths = [str(tmp_path / name) for name in ("full.parquet", "empty.parquet")]
    table.to_parquet(paths[0])
    table.assign(reference_empty=True).to_parquet(paths[1])
    statistics = {"replicates": 20, "alpha": 0.05, "cluster": "patient", "seed": 1}
    output = tmp_path / "out.parquet"
    names = ["full", "empty"]
    run_script(
        "threshold_curves", {"curves": paths}, [output], explainers=names, statistics=statistics
    )
    assert set(pd.read_parquet(output)["explainer"]) == {"full"}
    run_script(
        "threshold_curves",
        {"curves": paths[1:]},
        [output],
        explainers=["empty"],
        statistics=statistics,
    )
    assert pd.read_parquet(output).columns.tolist() == THRESHOLD_CURVES.names
