"""The cost estimate of a study: counts, kinds of jobs, arithmetic. No test measures time."""

import pickle
import re
import runpy
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import scipy
import yaml

import estimate
from fidelity import settings
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.weights import own_format
from fidelity.datasets import registry
from fidelity.datasets.cases import SPLITS, read_cases
from fidelity.datasets.sources.phantom import phantom
from fidelity.faithfulness.case_rows import Measures, measure_maps
from fidelity.faithfulness.infidelity import Squares, measure_infidelity
from fidelity.faithfulness.one_map import Options
from fidelity.figures.registry import FIGURES
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, read_maps, write_maps
from fidelity.settings.reading import load_file
from fidelity.study.job_files import JobFiles
from fidelity.tools.dry_run import COLLECTING
from fidelity.tools.estimate import timing, trial, trial_parts
from fidelity.tools.estimate.counts import Counts, count_cases
from fidelity.tools.estimate.detectable import POWER, detectable, smallest_difference
from fidelity.tools.estimate.disk import size_of_distinct
from fidelity.tools.estimate.miniature import Pool, Size, _names
from fidelity.tools.estimate.plan import Job, planned
from fidelity.tools.estimate.rates import Rate, Timings, kind_of, parts_of
from fidelity.tools.estimate.rules import RULES, CountedStudy, padded, start_of, step_of
from fidelity.tools.estimate.timing import Trials
from fidelity.tools.estimate.totals import Cost, by_step, cost_of, wall_time
from fidelity.tools.estimate.trial import Measured
from fidelity.tools.estimate.trial_parts import parts_to_try
from tests.helpers import ROOT
from tests.helpers.entries import dataset
from tests.helpers.explained_cohort import case_of, record_of
from tests.helpers.small_study import CONFIG as SMALL
from tests.helpers.small_study import TWO_LAYERS, copy_project, phantom_settings
from tests.helpers.synthetic_results import scores

COUNTS = Counts({"train": 99, "val": 50, "test": 30}, {"train": 66, "val": 30, "test": 20}, side=96)
CONFIG = {
    "datasets": {
        "demo": {
            "source": "phantom",
            "annotated_classes": ["COVID-19", "Non-COVID"],
            "shards": {"train": 2, "val": 1, "test": 2},
        }
    },
    "classifiers": {
        "net": {
            "architecture": "resnet18",
            "seeds": [1, 2],
            "training": {"stages": [{"trainable": "head", "epochs": 1}, {"epochs": 3}]},
        },
        "other": {"architecture": "resnet34", "training": {"epochs": 2}},
    },
    "explainers": {
        "cam": {"method": "gradcam"},
        "lime": {"method": "lime"},
        "edges": {"method": "edge_map"},
    },
    "explain": {"splits": ["val", "test"]},
}


def study_of(**changes) -> CountedStudy:
    return CountedStudy(settings.load({**CONFIG, **changes}, check_files=False), {"demo": COUNTS})


def job_of(rule: str, **wildcards: str) -> Job:
    return Job(rule, {"dataset": "demo", **wildcards})


def test_every_rule_of_the_workflow_is_estimated():
    files = [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]
    pattern = r"^(?:rule|checkpoint|use rule \w+ as) (\w+)"
    found = {name for file in files for name in re.findall(pattern, file.read_text(), re.M)}
    # Rules that a loop creates from a table.
    found |= {f"figure_{name}" for name in FIGURES}
    statistics = (ROOT / "rules" / "statistics.smk").read_text()
    found |= set(re.findall(r'^    "(\w+)": step\(', statistics, re.M))
    assert found == {*RULES, *COLLECTING}


def test_equal_trainings_are_timed_once():
    study = study_of()
    kinds = [
        kind_of(study, job_of("train", classifier=name)) for name in ("net-s1", "net-s2", "other")
    ]
    assert kinds[0] == kinds[1] != kinds[2]
    cams = [
        kind_of(study, job_of("explain", classifier=name, explainer="cam", shard=shard))
        for name, shard in (("net-s1", "val-000"), ("net-s2", "test-001"), ("other", "val-000"))
    ]
    assert cams[0] == cams[1] != cams[2]
    # An explainer takes as long on random weights, whatever its title.
    entries = {"cam": {"method": "gradcam", "title": "A"}}
    entries |= {"random": {"method": "random_weights", "of": {"method": "gradcam"}}}
    study = study_of(explainers=entries)
    one, other = (
        kind_of(study, job_of("explain", classifier="other", explainer=name, shard="test-000"))
        for name in entries
    )
    assert one == other


def test_a_training_costs_its_stages_epochs_and_validation():
    parts = parts_of(study_of(), job_of("train", classifier="net-s1"), COUNTS)
    assert [units for _, units in parts] == pytest.approx([99 + 50 / 3, 3 * (99 + 50 / 3)])
    assert parts[0][0] != parts[1][0]  # the head alone is faster
    [(_, units)] = parts_of(study_of(), job_of("train", classifier="other"), COUNTS)
    assert units == pytest.approx(2 * (99 + 50 / 3))


def test_maps_of_a_shard_come_in_batches_or_one_by_one():
    study = study_of(compute={"batch": 8})
    number = {
        name: RULES[rule].units(
            study, job_of(rule, classifier="net-s1", explainer=name, shard="test-000"), COUNTS
        )
        for rule, name in (("explain", "cam"), ("explain", "lime"))
    }
    assert number == {"cam": 16, "lime": 10}
    assert padded(8, 8) == 8


def test_maps_of_checks_are_counted():
    study = study_of(
        faithfulness={"metrics": ["sensitivity_max"], "sensitivity": {"cases": None}},
        sanity={"cases": 4, "layers": 3},
    )
    job = job_of("sensitivity", classifier="net-s1", explainer="cam")
    # All 20 test maps are computed eleven times. Sanity: 4 cases x 2 classes x (3 depths, another
    # class, unchanged).
    assert RULES["sensitivity"].units(study, job, COUNTS) == 220
    assert RULES["sanity"].units(study, job, COUNTS) == 40
    few = study_of(sanity={"cases": 50, "tests": ["logit"]})
    assert RULES["sanity"].units(few, job, COUNTS) == 40


@pytest.mark.parametrize(
    ("asked", "maps", "images"),
    [
        # 20 images of a map: itself, without all pixels, and 9 between them for each curve.
        ({"metrics": ["deletion_auc", "insertion_auc"], "steps": 10}, 1, 32),
        # 13 maps have more than 256 images, in 9 batches; the other 7 fill 5.
        ({"metrics": ["deletion_auc", "insertion_auc"], "steps": 10}, 20, 288 + 160),
        ({"metrics": ["road", "sufficiency"], "road_shares": [0.2, 0.5]}, 8, 64),
        # Infidelity alone: the image and 64 changed ones, for each map; and the images themselves.
        ({"metrics": ["infidelity"]}, 2, 2 * 96 + 32),
    ],
)
def test_images_that_faithfulness_classifies_are_counted(asked, maps, images):
    """The images of several maps fill batches together: not each map costs a padded batch."""
    study = study_of(faithfulness=asked, compute={"batch": 32})
    job = job_of("faithfulness", classifier="net-s1", explainer="cam")
    assert RULES["faithfulness"].units(study, job, Counts({"test": 9}, {"test": maps})) == images


@pytest.mark.parametrize(
    "removed",
    [
        ["deletion_auc", "sufficiency"],
        ["insertion_auc", "deletion_auc"],
        ["road", "comprehensiveness", "sufficiency"],
        [],
    ],
)
def test_faithfulness_classifies_as_many_images_as_are_counted(removed):
    asked = {"metrics": [*removed, "infidelity"], "steps": 7}
    asked["infidelity"] = {"samples": 9}
    study = study_of(faithfulness=asked, compute={"batch": 8})
    classified = []

    def answers(images, target):
        classified.append(padded(len(images), 8))
        return np.zeros(len(images))

    settings = study.config.faithfulness
    options = Options(removed, 7, "black", settings.road_shares)
    squares = Squares(9, 0.2, "black")
    infidelity = partial(measure_infidelity, logits=answers, squares=squares, derivative=False)
    measures = Measures(("COVID",), answers, options, infidelity, ["infidelity"])
    names = [f"case {number}" for number in range(40)]
    ramp = np.arange(256.0, dtype=np.float32).reshape(16, 16)
    explained = [(case_of(name, {}), record_of(name, ramp)) for name in names]
    targets = {(name, "COVID-19"): 0 for name in names}
    measure_maps(explained, targets, {}, measures, sign="signed", seed=1)
    job = job_of("faithfulness", classifier="net-s1", explainer="cam")
    counts = Counts({"test": 9}, {"test": len(explained)})
    assert sum(classified) == RULES["faithfulness"].units(study, job, counts)


def test_a_class_that_is_left_out_costs_nothing(monkeypatch, tmp_path):
    labels = [("COVID-19",)] * 3 + [("Normal",)] * 2 + [("Non-COVID",)] * 4
    cases = [
        SimpleNamespace(split="train", labels=names, masks={}, width=20, height=80)
        for names in labels
    ]
    monkeypatch.setattr(registry, "reader", lambda _: SimpleNamespace(find_cases=lambda *_: cases))
    entry = {"source": "covid_qu_ex", "root": ".", "annotated_classes": ["COVID-19"]}
    entry |= {"labels": {"Non-COVID": None}, "limit": None}
    changes = {"data_root": str(tmp_path), "datasets": {"two": entry}}
    config = settings.load({**CONFIG, **changes}, check_files=False)
    counts = count_cases(config, "two")
    assert counts.images == {"train": 5, "val": 0, "test": 0}
    assert counts.maps["train"] == 3
    assert counts.side == 40


def test_a_rate_is_a_line_through_the_medians_of_its_trials():
    rate = Rate([(2, Measured(9, seconds, 30)) for seconds in (1.0, 3.0, 50.0)])
    assert rate.at(100, "cpu") == 3  # trials of one size show no slope
    rate.points.append((12, Measured(9, 8.0, 130)))
    assert rate.at(22, "cpu") == 13
    assert rate.at(22, "size") == 230
    falling = Rate([(1, Measured(5, 5, 0)), (3, Measured(1, 1, 0))])
    assert falling.at(100, "wall") == 5


def test_a_job_costs_its_start_and_its_units():
    study = study_of()
    timings = Timings(study)
    timings.starts = {"NETWORK": (4.0, 3.0)}
    jobs = [job_of("explain", classifier="net-s1", explainer="lime", shard="test-000")]
    jobs.append(job_of("explain", classifier="net-s2", explainer="lime", shard="val-000"))
    points = timings.points(jobs[0])
    points += [(1, Measured(3, 2, 5)), (2, Measured(6, 4, 10))]
    costs = by_step(jobs, lambda job: cost_of(study, timings, job), lambda job: job.rule)
    # 10 and 30 maps, with one start each. A kind without timing costs only its start.
    assert costs == {"explain": Cost(2, 8 + 120, 6 + 80, 200)}
    other = job_of("explain", classifier="other", explainer="lime", shard="test-000")
    assert cost_of(study, timings, other) == Cost(1, 4, 3, 0)
    assert step_of(study, other) == "demo explain lime other"


def test_a_failed_larger_trial_is_reported_and_its_output_is_taken_from_the_smaller(
    monkeypatch, tmp_path
):
    output = "results/demo/prepared/val-000.h5"
    job = Job("prepare", {"dataset": "demo", "shard": "val-000"}, outputs=(output,))
    job = replace(job, given=pickle.dumps(SimpleNamespace(params={})))
    trials = Trials(study_of(), [job], tmp_path)

    def run_warm(job, root, changes):
        if root.name == "model":
            return Measured(9, 9, 0, "Traceback\nOSError: disk full")
        (root / output).parent.mkdir(parents=True)
        (root / output).write_text("one case")
        return Measured(3, 2, 5)

    monkeypatch.setattr(timing, "run_warm", run_warm)
    monkeypatch.setattr(trial_parts, "given_names", lambda job: set())
    roots = {name: tmp_path / name for name in ("small", "model")}
    trials._small([job], roots["small"], COUNTS)
    assert trials.timings.missing([job]) == []
    trials._model([job], roots, COUNTS)
    assert (roots["model"] / output).read_text() == "one case"
    [line] = trials.timings.missing([job])
    assert "demo prepare" in line
    assert "OSError: disk full" in line


def _timed(monkeypatch, seconds) -> list[tuple[str, str, dict]]:
    """Let each trial take so many seconds, and list (folder, rule, changes) of the trials.

    Args:
        seconds: of all trials, or a list of the first, second … one.
    """
    runs = []

    def run_warm(job, root, changes):
        taken = seconds[len(runs)] if isinstance(seconds, list) else seconds
        runs.append((root.name, job.rule, changes))
        return Measured(taken, taken, 100)

    monkeypatch.setattr(timing, "run_warm", run_warm)
    for name in ("copy_output", "write_repeated", "link_missing", "repeat_cases"):
        monkeypatch.setattr(timing, name, lambda *_: None)
    monkeypatch.setattr(trial_parts, "given_names", lambda job: set())
    return runs


def _with_params(rule: str, params: dict, **wildcards: str) -> Job:
    given = pickle.dumps(SimpleNamespace(params=SimpleNamespace(**params)))
    return replace(job_of(rule, **wildcards), outputs=(f"results/{rule}",), given=given)


@pytest.mark.parametrize(("seconds", "epochs"), [(1, [1, 2]), (5, [1, 1]), (9, [1])])
def test_a_long_training_gets_a_shorter_second_trial_or_none(
    monkeypatch, tmp_path, seconds, epochs
):
    runs = _timed(monkeypatch, seconds)
    study = study_of()
    entry = study.classifiers["other"].model_dump()
    job = _with_params("train", {"settings": entry}, classifier="other")
    trials = Trials(study, [job], tmp_path)
    trials._small([job], tmp_path / "small", COUNTS)
    trials._model([job], {name: tmp_path / name for name in ("small", "model")}, COUNTS)
    stages = [changes["settings"]["training"]["stages"] for _, _, changes in runs]
    assert [stage["epochs"] for (stage,) in stages] == epochs
    if len(epochs) == 1:
        cost = cost_of(study, trials.timings, job)
        assert cost.cpu == pytest.approx(2 * seconds)  # two epochs, after one in the trial
        assert cost.size == 100  # its file does not grow


@pytest.mark.parametrize(
    ("seconds", "roots", "batches"),
    [
        ([0.1, 1], ["small", "batches-64"], [4, None]),
        ([1.0, 1.1, 2], ["small", "batches-8", "batches-64"], [4, 4, None]),
        ([3, 6], ["small", "batches-8"], [4, 4]),
        ([9], ["small"], [4]),
    ],
)
def test_batches_that_would_take_long_are_small_in_trials(
    monkeypatch, tmp_path, seconds, roots, batches
):
    runs = _timed(monkeypatch, seconds)
    study = study_of(compute={"device": "cpu", "batch": 32})
    given = {"settings": None, "compute": {"batch": 32}}
    names = {"classifier": "other", "explainer": "cam", "shard": "test-000"}
    job = _with_params("explain", given, **names)
    trials = Trials(study, [job], tmp_path)
    one = Counts({"val": 1, "test": 1}, {"val": 1, "test": 1})
    trials._small([job], tmp_path / "small", one)
    trials._batches([job], {"model": tmp_path / "model"})
    assert [name for name, _, _ in runs] == roots
    assert [changes.get("compute", {}).get("batch") for _, _, changes in runs] == batches
    sizes = [int(name.partition("-")[2] or 4) for name in roots]
    units = [units for units, _ in trials.timings.points(job)]
    assert units == (sizes if len(roots) > 1 else [4, 0])


@pytest.mark.parametrize(("rule", "samples"), [("faithfulness", None), ("sensitivity", 3)])
def test_what_fills_batches_from_several_maps_is_timed_in_small_ones(
    monkeypatch, tmp_path, rule, samples
):
    """One or two maps would be mostly padding in whole batches."""
    runs = _timed(monkeypatch, 1)
    asked = {"metrics": ["deletion_auc", "insertion_auc"], "steps": 10}
    study = study_of(faithfulness=asked, compute={"device": "cpu", "batch": 32})
    given = {"settings": {"samples": 10}, "compute": {"batch": 32}}
    job = _with_params(rule, given, classifier="other", explainer="cam")
    trials = Trials(study, [job], tmp_path)
    for name, maps in (("small", 1), ("model", 2)):
        counts = Counts({"test": maps}, {"test": maps})
        if name == "small":
            trials._small([job], tmp_path / name, counts)
        else:
            trials._model([job], {"small": tmp_path, "model": tmp_path / name}, counts)
    assert [changes["compute"]["batch"] for _, _, changes in runs] == [4, 4]
    assert [changes.get("settings", {}).get("samples") for *_, changes in runs] == [samples] * 2
    units = [units for units, _ in trials.timings.points(job)]
    assert units == ([4, 8] if rule == "sensitivity" else [20, 40])


def test_a_gpu_gets_whole_batches(tmp_path):
    assert Trials(study_of(compute={"device": "cuda"}), [], tmp_path).few == 32


@pytest.mark.parametrize(("training", "timed"), [(100, 2), (1e6, 1)])
def test_what_is_a_negligible_part_of_the_study_is_timed_roughly(
    monkeypatch, tmp_path, training, timed
):
    runs = _timed(monkeypatch, 2)
    study = study_of()
    train = _with_params("train", {"settings": {}}, classifier="other")
    table = _with_params("summarize", {})
    trials = Trials(study, [train, table], tmp_path)
    [(stage, _)] = parts_of(study, train, COUNTS)
    trials.timings.points(train, stage).append((1, Measured(training, training, 1)))
    maps = Counts({"val": 4, "test": 4}, {"val": 4, "test": 4})
    trials._tables([table], tmp_path / "cases", maps)
    assert [name for name, _, _ in runs] == ["tables-1", "tables-4"][:timed]
    # Only the start with the most jobs is timed, if the others are negligible.
    cold = []

    def run_cold(job, *_):
        cold.append(job.rule)
        return Measured(5, 5, 1)

    monkeypatch.setattr(timing, "run_cold", run_cold)
    for job in (train, table):
        warm = Measured(1, 1, 1), job, tmp_path, trial_parts.Part("", {}, 1)
        trials.quickest[start_of(study, job)] = warm
    trials._start()
    assert len(cold) == timed
    assert trials.timings.start(table) == (4, 4)


def test_a_study_without_results_is_planned_once(monkeypatch, tmp_path):
    plans = []
    monkeypatch.setattr(estimate, "planned", lambda *_, whole: plans.append(whole) or [])
    jobs = [Job("score", {}, outputs=(str(tmp_path / "scores.parquet"),))]
    assert estimate.left_of(jobs, "study.yaml", [], [], 2) == jobs
    assert plans == []
    (tmp_path / "scores.parquet").touch()
    assert estimate.left_of(jobs, "study.yaml", [], [], 2) == []
    assert plans == [False]


def test_every_kind_of_job_is_timed_or_listed(monkeypatch, tmp_path):
    """The two data sets have the same cost per case, and only the second has a U-Net."""
    sets = {"demo": CONFIG["datasets"]["demo"], "more": CONFIG["datasets"]["demo"]}
    explainers = {**CONFIG["explainers"], "unet": {"method": "unet"}}
    study = study_of(datasets=sets, explainers=explainers)
    study = CountedStudy(study.config, {"demo": COUNTS, "more": COUNTS, "again": COUNTS})
    jobs = [Job("fit_lung_model", {"dataset": "demo"}), Job("fit_lung_model", {"dataset": "more"})]
    jobs += [Job("fit", {"dataset": "more", "explainer": "unet"}), Job("summary_over_datasets", {})]
    jobs.append(Job("provenance", {"dataset": "more"}))
    trials = Trials(study, jobs, tmp_path)
    done = []

    def time_all(dataset, own, say):
        done.append(dataset)
        for job in own:
            trials.timings.points(job).append((1, Measured(1, 1, 1)))

    monkeypatch.setattr(trials, "_dataset", time_all)
    assert {line.split(": ")[1].split(" (")[0] for line in trials.timings.missing(jobs)} == {
        "demo fit_lung_model", "more fit_lung_model", "more fit unet", "summary_over_datasets",
    }  # fmt: skip
    trials.run()
    assert done == ["demo", "more"]
    [line] = trials.timings.missing(jobs)
    assert "summary_over_datasets" in line


@pytest.mark.parametrize("rule", ["train", "check_classifier"])
def test_no_trial_downloads_weights(rule):
    entry = {"weights": "imagenet", "training": {"epochs": 2, "stages": None}}
    given = pickle.dumps(SimpleNamespace(params=SimpleNamespace(settings=entry)))
    job = replace(job_of(rule, classifier="net-s1"), given=given)
    [part] = parts_to_try(job, 1, COUNTS, 1)
    assert part.changes["settings"]["weights"] is None


def test_wall_time_follows_cores_and_chains():
    def jobs(*threads):
        return [Job("rule", {}, count, outputs=(f"{n}",)) for n, count in enumerate(threads)]

    seconds = {0: 10.0, 1: 10.0, 2: 4.0}
    assert wall_time(jobs(1, 1), seconds, 2) == (10, 10)
    assert wall_time(jobs(1, 1), seconds, 1) == (20, 20)
    assert wall_time(jobs(2, 1, 1), seconds, 2) == (17, 20)
    assert wall_time(jobs(8), seconds, 2) == (10, 10)
    chain = [*jobs(1), Job("rule", {}, inputs=("0",), outputs=("1",))]
    assert wall_time(chain, seconds, 2) == (20, 20)
    assert wall_time(chain, seconds, 2, 4) == (20, 20)
    assert wall_time(jobs(2, 1, 1), seconds, 2, 2) == (10, 10)
    # The third job waits until one node has two free cores, although two nodes have one each.
    assert wall_time(jobs(1, 1, 2), seconds, 2, 2) == (10, 14)


def test_the_plan_agrees_with_what_a_finished_study_made(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    loaded = load_file("study.yaml", [])
    counts = count_cases(loaded, "small")
    cases = read_cases("results/small/cases.csv")
    assert counts.images["train"] == sum(case.split == "train" for case in cases)
    assert counts.side == 96
    jobs = planned("study.yaml")
    assert all(Path(job.benchmark).exists() for job in jobs if job.rule != "explore")
    assert {job.rule for job in jobs} <= set(RULES)
    study = CountedStudy(loaded, {"small": counts})
    for name in ("lime", "lung"):
        mine = [
            job
            for job in jobs
            if job.wildcards.get("explainer") == name and "shard" in job.wildcards
        ]
        told = sum(RULES[job.rule].units(study, job, counts) for job in mine)
        made = sum(len(list(read_maps(job.outputs[0]))) for job in mine)
        assert told == pytest.approx(made)
    assert planned("study.yaml", whole=False) == []
    [unit] = [
        job
        for job in planned("study.yaml", targets=["results/small/units/none"])
        if job.rule == "unit"
    ]
    assert unit.wildcards["unit"] == "none"


def test_jobs_of_the_plan_run_in_a_miniature(finished, monkeypatch, tmp_path):
    monkeypatch.chdir(finished.folder)
    loaded = load_file("study.yaml", [])
    jobs = planned("study.yaml", targets=["results/small/none/lung/curves.parquet"])
    entry = loaded.datasets["small"]
    pool = Pool(tmp_path / "pool", entry, Size(3, 1, 2), 96, trained=True)
    [(raw, indexed)] = {(j.inputs[0], j.outputs) for j in jobs if j.rule == "index_cases"}
    made = pool.build(tmp_path / "mini", "small", raw, Size(3, 1, 2), dict(entry.shards))
    assert made.maps == {"train": 2, "val": 1, "test": 2}
    assert {label for case in pool.cases for label in case.labels} == {
        "COVID-19", "Non-COVID", "Normal",
    }  # fmt: skip
    missing = [path for path in indexed if not (tmp_path / "mini" / path).exists()]
    assert missing == ["results/small/looks.npz"]
    trials = Trials(CountedStudy(loaded, {"small": made}), jobs, tmp_path)

    def run(job):
        trials._time(job, tmp_path / "mini", made)
        return True

    trials._walk(jobs, tmp_path / "mini", run)
    assert trials.timings.failed == {}
    points = {kind[0]: rate.points for (kind, _), rate in trials.timings.rates.items()}
    assert [units for units, _ in points["explain_without_network"]] == [2]
    assert points["sweep"][0][1].size > 0
    # No file of the study itself was changed.
    assert trial.placed(jobs[-1], tmp_path).output[0].startswith(str(tmp_path))
    assert planned("study.yaml", whole=False) == []


def test_a_loaded_checkpoint_below_results_is_timed(monkeypatch, tmp_path):
    """It has other classes than the miniature's three, and no job of the plan writes it."""
    copy_project(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    phantom.generate(
        Path("data"),
        dataset("phantom", phantom_settings() | {"cases": dict.fromkeys(SPLITS, 3)}),
        1,
    )
    Path("net.py").write_text(TWO_LAYERS)
    classes, ones = ("Normal", "sick"), (0.5, 0.5, 0.5)
    network = build("plugin:two_layers", 2, plugins=["net.py"])
    tiny = Classifier(network, "plugin:two_layers", classes, "softmax", 3, ones, ones, 64)
    weights = Path("results/other/net/model.safetensors")
    weights.parent.mkdir(parents=True)
    own_format.save(tiny, weights)
    entry = {**SMALL["datasets"]["small"], "annotated_classes": ["COVID-19"]}
    entry["labels"] = {"COVID-19": "sick", "Non-COVID": "sick"}
    net = {"architecture": "plugin:two_layers", "weights": str(weights), "training": None}
    config = {**SMALL, "datasets": {"small": entry}, "classifiers": {"net": net}}
    config |= {"explainers": {"lime": {"method": "lime", "samples": 20}}, "plugins": ["net.py"]}
    Path("study.yaml").write_text(yaml.safe_dump(config))
    jobs = planned("study.yaml", targets=["results/small/net/lime/maps/test-000.h5"])
    loaded = load_file("study.yaml", [])
    trials = Trials(
        CountedStudy(loaded, {"small": count_cases(loaded, "small")}), jobs, tmp_path / "t"
    )
    trials.run()
    assert trials.timings.missing(jobs) == []
    assert {"import_classifier", "check_classifier", "explain"} <= {
        kind[0] for (kind, _), rate in trials.timings.rates.items() if rate.points
    }


def test_the_size_of_a_fitted_map_does_not_depend_on_how_few_masks_it_was_fitted_on(tmp_path):
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:128, :128]

    def size(masks):
        centres = rng.uniform(40, 88, (masks, 2))
        mean = np.mean([np.hypot(rows - y, columns - x) < 30 for y, x in centres], axis=0)
        # As in a study, each pixel between the cells of a resized mean has a unique value.
        mean = cv2.resize(mean.astype(np.float32), (200, 200))
        file = tmp_path / f"{masks}.h5"
        record = MapRecord("c", "a", "", "ok", "", 0.0, {}, SaliencyMap("dense", mean))
        write_maps(file, [record], {})
        return file.stat().st_size, size_of_distinct(file)

    (few, told), (many, _) = size(12), size(1500)
    assert few < many / 1.5
    assert many / 1.5 < told < many * 1.5


def test_a_miniature_has_no_class_that_the_data_set_lacks():
    entry = dataset("table", {"annotated_classes": ["pneumonia"], "labels": {}})
    pool = SimpleNamespace(entry=entry, called=_names(entry), names={"task": "multiclass"})
    pool.classes = ["healthy", "pneumonia"]
    found = Pool._classes(pool)
    assert found["classes"] == ["pneumonia", "healthy"]
    assert set(found["labels"].values()) == {"healthy", "pneumonia"}
    pool.classes = ["a", "b", "pneumonia"]
    assert sorted(Pool._classes(pool)["classes"]) == pool.classes
    pool.classes = []
    assert len(Pool._classes(pool)["classes"]) == 3


def test_the_benchmark_names_each_resource_that_is_off():
    benchmark = runpy.run_path(str(ROOT / "benchmarks" / "estimate.py"))["row_of"]
    whole = Cost(9, 1000, 1000, 1e9)

    def off(told, true):
        return benchmark("a", told, true, whole).split("|")[-2].strip()

    assert off(Cost(1, 100, 100, 1e8), Cost(1, 120, 80, 9e7)) == ""
    assert off(Cost(1, 100, 100, 44e6), Cost(1, 100, 50, 289e6)) == "CPU, disk"
    assert off(Cost(1, 100, 100, 0), Cost(1, 300, 100, 0)) == "wall"
    assert off(Cost(1, 1, 1, 1e6), Cost(1, 9, 9, 9e6)) == ""  # too little to matter


def test_the_smallest_difference_is_found_as_often_as_its_power_says():
    rng = np.random.default_rng(0)
    units, pairs, sd, alpha = 40, 6, 0.2, 0.05
    size = smallest_difference(units, pairs, sd, alpha)
    drawn = rng.normal(size, sd, (units, 4000))
    p_values = scipy.stats.ttest_1samp(drawn, 0).pvalue
    assert (p_values < alpha / pairs).mean() == pytest.approx(POWER, abs=0.03)
    assert smallest_difference(units, 1, sd, alpha) < size
    assert smallest_difference(4 * units, pairs, sd, alpha) == pytest.approx(size / 2, rel=0.05)
    assert smallest_difference(units, pairs, 2 * sd, alpha) == pytest.approx(2 * size)
    assert np.isnan(smallest_difference(2, pairs, sd, alpha))


def test_it_is_stated_with_an_assumed_or_a_measured_deviation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_file(ROOT / "config" / "config.yaml")
    study = CountedStudy(config, {"demo": Counts({"test": 60}, {"val": 10, "test": 40})})
    line, how = detectable(study)
    assert "40 images" in line
    assert "0.150, assumed" in line
    assert "TTestPower" in how
    files = JobFiles(study)
    means = []
    for number, block in enumerate(study.primary_blocks("demo")):
        path = Path(files.block_file(block))
        path.parent.mkdir(parents=True)
        table = scores(0.3, seed=number)
        table.to_parquet(path)
        means.append(table.groupby("patient")["iou"].mean())
    line, _ = detectable(study)
    by_hand = np.median([(a - b).std() for a, b in combinations(means, 2)])
    assert "30 patients" in line
    assert f"differences {by_hand:.3f}, median over pairs of the finished results" in line
