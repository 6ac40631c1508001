"""What a study will cost: what can be counted without timing."""

from types import SimpleNamespace

from fidelity.datasets import registry
from fidelity.estimate import count_cases, training_steps


def test_steps_of_stages_are_counted_by_their_batch():
    shared = {"epochs": 2, "batch": 32, "stages": []}
    assert training_steps(shared, 100) == (2, {32: 8})
    stages = [{"epochs": 3}, {"batch": 16}, {"epochs": 1, "batch": 32}]
    assert training_steps({**shared, "stages": stages}, 100) == (6, {32: 16, 16: 14})


def test_a_class_that_is_left_out_costs_nothing(monkeypatch, tmp_path):
    labels = [("COVID-19",)] * 3 + [("Normal",)] * 2 + [("Non-COVID",)] * 4
    cases = [SimpleNamespace(split="train", labels=names) for names in labels]
    monkeypatch.setattr(registry, "reader", lambda _: SimpleNamespace(find_cases=lambda *_: cases))
    entry = {"source": "covid_qu_ex", "root": ".", "annotated_classes": ["COVID-19"]}
    entry |= {"labels": {"Non-COVID": None}, "limit": None}
    config = {"data_root": str(tmp_path), "datasets": {"two": entry}}
    images, cohort = count_cases(config, "two")
    assert images == {"train": 5, "val": 0, "test": 0}
    assert cohort["train"] == 3
