"""Explaining a shard: targets, failures and resuming."""

import dataclasses
import pickle

import numpy as np
import pytest

import binarize
from fidelity.base.errors import InputError
from fidelity.classifiers.predict import predict_logits
from fidelity.datasets.prepared import PreparedShard, write_prepared
from fidelity.explainers import runner
from fidelity.explainers.base import Context
from fidelity.explainers.baselines import centre_prior
from fidelity.explainers.registry import method_of
from fidelity.explainers.unfinished_shards import finished
from fidelity.maps.saliency_map import read_maps
from fidelity.masks.run_lengths import read_masks
from fidelity.metrics.conventions import protocol_for
from fidelity.metrics.registry import select
from fidelity.scoring.mask_scores import read_status, score_cohort
from fidelity.scoring.score_rows import Targets
from fidelity.settings.explainers import CentrePrior, Explainer, Gradcam, SecondReader
from tests.helpers import entries as made

LABELS = {"a": "B", "b": "C"}
RULE = {"target": "reference", "max_failed_cases": 0}
GRADCAM = Gradcam()
PRIOR = CentrePrior()


@pytest.fixture
def shard(tmp_path, cases):
    negative = dataclasses.replace(cases[0], case="negative", references={})
    path = tmp_path / "test-000.h5"
    write_prepared(path, [*cases, negative], {"image_size": 64, "classes": ["A", "B", "C"]})
    return path


def _run(shard, tmp_path, classifier=None, settings=PRIOR, rule=RULE, batch=2, fingerprint="f"):
    output = tmp_path / "maps" / "test-000.h5"
    runner.explain_shard(
        shard,
        output,
        settings,
        Context(classifier, batch, 1, settings.method),
        labels=LABELS,
        fingerprint=fingerprint,
        predict=predict_logits,
        **rule,
    )
    return list(read_maps(output))


def test_the_cohort_is_the_annotated_cases(shard, tmp_path):
    records = _run(shard, tmp_path)
    assert [r.case for r in records] == [f"case {i}" for i in range(5)]
    assert {r.target for r in records} == {""}
    assert not (tmp_path / "maps" / ".partial" / "test-000").exists()


def test_target_rules(shard, tmp_path, classifier, cases):
    reference = _run(shard, tmp_path, classifier, GRADCAM)
    assert {r.target for r in reference} == {"B"}
    named = _run(shard, tmp_path, classifier, GRADCAM, {**RULE, "target": "C"})
    assert {r.target for r in named} == {"C"}
    predicted = _run(shard, tmp_path, classifier, GRADCAM, {**RULE, "target": "predicted"})
    logits = classifier(classifier.preprocess(np.stack([c.image for c in cases]))).argmax(1)
    assert [r.target for r in predicted] == [classifier.classes[i] for i in logits]
    assert {r.cls for r in predicted} == {"a"}


def test_unknown_target(shard, tmp_path, classifier):
    with pytest.raises(InputError, match="D"):
        _run(shard, tmp_path, classifier, GRADCAM, {**RULE, "target": "D"})


def _second_readings(tmp_path, cases, read_twice):
    some = [
        dataclasses.replace(c, readers={"second": c.references} if c.case in read_twice else {})
        for c in cases
    ]
    path = tmp_path / "test-000.h5"
    write_prepared(path, some, {"image_size": 64, "classes": ["A", "B", "C"]})
    return path


def test_a_case_read_once_has_no_record_and_is_no_failure(tmp_path, cases, caplog):
    shard = _second_readings(tmp_path, cases, {"case 1", "case 4"})
    with caplog.at_level("INFO"):
        records = _run(shard, tmp_path, settings=SecondReader())
    assert [(r.case, r.status) for r in records] == [("case 1", "ok"), ("case 4", "ok")]
    assert "second_reader has no map for 3 of the 5" in caplog.text


def test_a_shard_that_nobody_read_twice_is_empty_and_can_be_scored(tmp_path, cases):
    shard = _second_readings(tmp_path, cases, set())
    assert _run(shard, tmp_path, settings=SecondReader()) == []
    post = {"sign": "positive", "lung": False, "median": 0, "min_probability": 0}
    rule = {"method": "fixed", "threshold": 0.5}
    masks, status = tmp_path / "masks.json", tmp_path / "masks_status.csv"
    maps = [str(tmp_path / "maps" / "test-000.h5")]
    own = made.rule(rule), made.steps(post)
    binarize.main(maps, [str(shard)], *own, "original", str(masks), str(status))
    protocol = protocol_for("default", {}, 2)
    with PreparedShard(shard) as prepared:
        table = score_cohort(
            prepared, read_masks(masks), read_status(status), Targets(None, LABELS),
            select(["iou", "assd"], protocol), protocol, "original",
        )  # fmt: skip
    assert table.empty
    assert {"case", "iou", "assd"} <= set(table.columns)


@pytest.fixture
def counted(monkeypatch):
    """Count the explained cases, and fail for the case ids in `bad`."""
    calls, bad = [], set()
    make = centre_prior.make

    def counting(context, settings):
        explain = make(context, settings)

        def wrapped(tasks):
            for task in tasks:
                if task.case.case in bad:
                    raise FloatingPointError("NaN in the gradient")
            calls.extend(task.case.case for task in tasks)
            return explain(tasks)

        return wrapped

    monkeypatch.setattr(centre_prior, "make", counting)
    return calls, bad


def test_one_bad_case_spoils_no_other_and_raising_the_limit_recomputes_nothing(
    shard, tmp_path, counted
):
    calls, bad = counted
    bad.add("case 2")
    with pytest.raises(InputError, match=r"1 of 5.*case 2.*NaN.*allow at least 1"):
        _run(shard, tmp_path)
    assert sorted(calls) == ["case 0", "case 1", "case 3", "case 4"]
    calls.clear()
    records = _run(shard, tmp_path, rule={**RULE, "max_failed_cases": 1})
    assert calls == []
    assert [r.status for r in records] == ["ok", "ok", "failed", "ok", "ok"]
    assert records[2].map is None
    assert "NaN" in records[2].reason


def test_a_killed_job_resumes(shard, tmp_path, counted, monkeypatch):
    calls, _ = counted
    whole = _run(shard, tmp_path)
    calls.clear()
    save = runner.PartialStore.save

    def killed(self, index, records):
        if index == 2:
            raise KeyboardInterrupt
        save(self, index, records)

    monkeypatch.setattr(runner.PartialStore, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        _run(shard, tmp_path)
    monkeypatch.setattr(runner.PartialStore, "save", save)
    calls.clear()
    resumed = _run(shard, tmp_path)
    assert calls == ["case 4"]
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a.map.values, b.map.values)


@pytest.mark.parametrize("change", [{"fingerprint": "g"}, {"settings": CentrePrior(sigma=0.1)}])
def test_batches_of_other_settings_or_code_are_not_resumed(shard, tmp_path, counted, change):
    calls, bad = counted
    bad.add("case 4")
    with pytest.raises(InputError):
        _run(shard, tmp_path)
    bad.clear()
    calls.clear()
    _run(shard, tmp_path, **change)
    assert len(calls) == 5


def test_a_failed_try_of_other_settings_costs_no_batch(shard, tmp_path, counted):
    calls, bad = counted
    bad.add("case 4")
    for fingerprint in ("f", "g"):
        with pytest.raises(InputError):
            _run(shard, tmp_path, fingerprint=fingerprint)
    bad.clear()
    calls.clear()
    _run(shard, tmp_path)
    assert calls == ["case 4"]


def test_batches_of_a_shard_prepared_otherwise_are_not_resumed(shard, tmp_path, cases, counted):
    """The same image files with another intensity window have the same digests."""
    calls, bad = counted
    bad.add("case 4")
    with pytest.raises(InputError):
        _run(shard, tmp_path)
    bad.clear()
    calls.clear()
    darker = [dataclasses.replace(case, image=case.image // 2) for case in cases]
    write_prepared(shard, darker, {"image_size": 64, "classes": ["A", "B", "C"]})
    _run(shard, tmp_path)
    assert len(calls) == 5


def test_a_damaged_batch_is_made_again(shard, tmp_path, counted):
    calls, bad = counted
    bad.add("case 4")
    with pytest.raises(InputError):
        _run(shard, tmp_path)
    bad.clear()
    calls.clear()
    (batch,) = (tmp_path / "maps" / ".partial" / "test-000").glob("*/000001.h5")
    batch.write_bytes(b"cut off")
    _run(shard, tmp_path, rule={**RULE, "max_failed_cases": 1})
    assert calls == ["case 2", "case 3", "case 4"]  # the failed case is tried again


EXPLAINERS = {
    "lime": {"method": "lime", "samples": 10},
    "rise": {"method": "rise", "samples": 16},
    "smoothgrad": {"method": "smoothgrad", "samples": 3},
    "gradcam": {"method": "gradcam"},
    "random_gradcam": {"method": "random_weights", "of": {"method": "gradcam"}},
    "random_superpixels": {"method": "random_superpixels"},
}


@pytest.fixture(scope="module")
def entries():
    """Return explainers with all their defaults."""
    return {name: Explainer.model_validate(entry) for name, entry in EXPLAINERS.items()}


def _stored(path):
    """Return the stored maps as bytes, without the times that they took."""
    return {record.case: pickle.dumps(record.map) for record in read_maps(path)}


@pytest.mark.parametrize("name", EXPLAINERS)
def test_shards_order_and_batches_that_are_not_full_change_no_bit(
    tmp_path, cases, classifier, entries, name
):
    """Explain five cases in one shard, or in shards of three and two in another order.

    Batches have two cases.
    """
    found = []
    needs = method_of(entries[name].method).needs_classifier
    for index, parts in enumerate([[[0, 1, 2, 3, 4]], [[4, 2, 0], [3, 1]]]):
        stored = {}
        for number, part in enumerate(parts):
            folder = tmp_path / f"{index}-{number}"
            shard = folder / "test-000.h5"
            attrs = {"image_size": 64, "classes": ["A", "B", "C"]}
            folder.mkdir()
            write_prepared(shard, [cases[i] for i in part], attrs)
            _run(shard, folder, classifier if needs else None, entries[name])
            stored |= _stored(folder / "maps" / "test-000.h5")
        found.append(stored)
    assert len(found[0]) == 5
    assert found[0] == found[1]


@pytest.mark.parametrize(("name", "saved"), [("lime", 3), ("rise", 3), ("smoothgrad", 2)])
def test_what_takes_case_by_case_is_stored_case_by_case(
    tmp_path, cases, classifier, entries, name, saved, monkeypatch
):
    """The job is killed after three cases; one of them has two classes. Batches have two cases."""
    two = dataclasses.replace(
        cases[1], references={**cases[1].references, "b": cases[1].lung_native}
    )
    shard = tmp_path / "test-000.h5"
    attrs = {"image_size": 64, "classes": ["A", "B", "C"]}
    write_prepared(shard, [cases[0], two, *cases[2:]], attrs)
    save, kept = runner.PartialStore.save, 3 if saved == 3 else 1

    def killed(self, index, records):
        if index == kept:
            raise KeyboardInterrupt
        save(self, index, records)

    monkeypatch.setattr(runner.PartialStore, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        _run(shard, tmp_path, classifier, entries[name])
    found = finished(tmp_path / "maps" / ".partial" / "test-000")
    assert found.cases == saved
    assert found.seconds > 0
    monkeypatch.setattr(runner.PartialStore, "save", save)
    records = _run(shard, tmp_path, classifier, entries[name])
    assert [(r.case, r.cls) for r in records] == [
        ("case 0", "a"), ("case 1", "a"), ("case 1", "b"), *((f"case {i}", "a") for i in (2, 3, 4)),
    ]  # fmt: skip


def test_empty_shard(tmp_path):
    path = tmp_path / "test-000.h5"
    write_prepared(path, [], {"image_size": 64, "classes": []})
    assert _run(path, tmp_path) == []
