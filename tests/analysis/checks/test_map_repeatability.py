"""Agreement between training seeds: by hand, from files, and inputs that must not be compared."""

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.checks.map_repeatability import compare_seeds, summarize
from fidelity.analysis.columns.checks import REPEATABILITY, REPEATABILITY_CASES
from fidelity.base.errors import InputError
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.masks.run_lengths import encode, write_masks
from fidelity.metrics.map_similarity import similarities
from tests.helpers.explained_cohort import SIZE, WORKING, case_of, record_of, square, write_cohort
from tests.helpers.run_script import run_script

STATISTICS = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "seed": 1}
ONE, OTHER = np.random.default_rng(0).normal(size=(2, WORKING, WORKING)).astype(np.float16)
MASK = square(0, 0, 10, 10)
HALF = square(0, 0, 10, 5)


def seeds_on_disk(folder, per_seed, masks):
    """Write the same two cases, explained by several networks, in two shards."""
    maps, mask_files, prepared = [], [], []
    for number, (values, drawn) in enumerate(zip(per_seed, masks, strict=True)):
        shards = [
            [(case_of(name, {"COVID-19": MASK}), record_of(name, values[name]))] for name in "ab"
        ]
        found, prepared = write_cohort(folder / str(number), shards)
        maps += found
        mask_files.append(folder / f"{number}.json")
        write_masks(mask_files[-1], {k: {"COVID-19": encode(m)} for k, m in drawn.items()})
    return maps, prepared, mask_files


def test_means_over_all_pairs_of_seeds(tmp_path):
    empty = np.zeros(SIZE, bool)
    maps, prepared, masks = seeds_on_disk(
        tmp_path,
        [{"a": ONE, "b": ONE}, {"a": ONE, "b": None}, {"a": OTHER, "b": -ONE}],
        [{"a": MASK, "b": empty}, {"a": MASK, "b": empty}, {"a": HALF, "b": empty}],
    )
    output = str(tmp_path / "repeatability.parquet")
    inputs = {"maps": maps, "prepared": prepared, "masks": masks}
    run_script("repeatability", inputs, [output], sign="positive")
    table = pd.read_parquet(output)
    assert list(table.columns) == REPEATABILITY_CASES.names
    first, second = table.to_dict("records")
    pair = [SaliencyMap("dense", values.astype(float)) for values in (ONE, OTHER)]
    alike = similarities(*pair, ONE.shape, "positive")
    assert (first["case"], first["n_seeds"]) == ("a", 3)
    for name, value in alike.items():
        assert first[name] == pytest.approx((1 + 2 * value) / 3, abs=2e-3), name
    assert first["mask_iou"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    # One network has no map of the second case. The maps of the other two contradict each other.
    assert second["n_seeds"] == 2
    assert (second["spearman"], second["abs_spearman"]) == pytest.approx((-1, 1))
    assert second["mask_iou"] == 1


def test_seeds_with_other_cases_are_refused(tmp_path):
    shard = [
        (case_of("a", {"COVID-19": MASK}), record_of("a", ONE)),
        (case_of("b", {}), record_of("b", ONE)),
    ]
    maps, prepared = write_cohort(tmp_path / "one", [shard])
    turned, _ = write_cohort(tmp_path / "two", [shard[::-1]])
    with pytest.raises(InputError, match="different cases"):
        compare_seeds([maps, turned], prepared, [{}, {}], "positive")


def test_table_pools_classes_and_counts_what_is_missing(tmp_path):
    rows = [
        (f"c{n}", f"p{n}", "test", cls, 3, 0.1 * n, 0.5, np.nan if n else 0.2, 1.0)
        for n in range(4)
        for cls in ("x", "y")
    ]
    path, output = str(tmp_path / "r.parquet"), str(tmp_path / "r.csv")
    pd.DataFrame(rows, columns=REPEATABILITY_CASES.names).to_parquet(path)
    head = {"dataset": "d", "classifier": "net", "explainer": "=lime", "binarization": "half"}
    settings = {"combos": [head], "statistics": STATISTICS, "seed": 1}
    run_script("summarize_repeatability", {"compared": [path]}, [output], **settings)
    table = pd.read_csv(output)
    assert list(table.columns) == REPEATABILITY.names
    assert set(table["class"]) == {"x", "y", "all"}
    pooled = table[table["class"] == "all"].set_index("quantity")
    assert pooled.loc["spearman", "mean"] == pytest.approx(0.15)
    assert (pooled["n_seeds"] == 3).all()
    assert (pooled.loc["ssim", "n"], pooled.loc["ssim", "n_undefined"]) == (8, 6)
    assert set(table["explainer"]) == {"'=lime"}
    assert summarize([], STATISTICS).columns.tolist() == REPEATABILITY.names
