"""What a study will cost: what can be counted without timing."""

from types import SimpleNamespace

from fidelity import settings
from fidelity.datasets import registry
from fidelity.estimate import count_cases, estimate, further_maps, training_steps


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


def test_maps_of_checks_are_counted():
    config = {
        "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19", "Non-COVID"]}},
        "classifiers": {"net": {"architecture": "resnet18"}},
        "explainers": {"cam": {"method": "gradcam"}, "edges": {"method": "edge_map"}},
    }
    cohort = {"train": 99, "val": 50, "test": 30}
    off = settings.load(config, check_files=False)
    assert further_maps(off, "demo", "cam", cohort) == {}
    config["faithfulness"] = {"metrics": ["sensitivity_max"], "sensitivity": {"cases": None}}
    config["sanity"] = {"cases": 4, "layers": 3}
    loaded = settings.load(config, check_files=False)
    # All 30 test maps eleven times; 4 cases of 2 classes by 3 depths, another class and as is.
    assert further_maps(loaded, "demo", "cam", cohort) == {"sensitivity": 330, "sanity": 40}
    assert further_maps(loaded, "demo", "edges", cohort) == {"sensitivity": 330}
    config["sanity"] |= {"tests": ["logit"], "cases": 50}
    loaded = settings.load(config, check_files=False)
    assert further_maps(loaded, "demo", "cam", cohort)["sanity"] == 60


def test_faithfulness_of_all_explainers_is_counted():
    config = {
        "datasets": {
            "demo": {
                "source": "phantom",
                "cases": {"train": 9, "val": 9, "test": 9},
                "image_size": 64,
                "annotated_classes": ["COVID-19"],
            }
        },
        "classifiers": {"net": {"architecture": "resnet18"}},
        "explainers": {"cam": {"method": "gradcam"}, "edges": {"method": "edge_map"}},
        "faithfulness": {"metrics": ["deletion_auc", "infidelity", "sensitivity_max"], "steps": 4},
    }
    loaded = settings.load(config, check_files=False)
    costs = {cost.step: cost for cost in estimate(loaded, "demo")}
    # 3 annotated test images, 2 explainers; sensitivity has rows of its own.
    told = costs["demo: faithfulness of all explainers, net"]
    assert told.units == 6
    assert told.core_hours > 0
    assert "demo: sensitivity of edges" in costs
    config["faithfulness"] = {"metrics": ["sensitivity_max"]}
    loaded = settings.load(config, check_files=False)
    assert not any("faithfulness" in cost.step for cost in estimate(loaded, "demo"))
