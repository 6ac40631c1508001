"""The config: defaults, checks, and one clear sentence for every mistake."""

import copy
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.digests.code import file_digest
from fidelity.explainers.registry import family_of, without_family
from fidelity.settings import documentation
from fidelity.settings.reading import (
    check_yaml,
    load_file,
    merged,
    parse_overrides,
    read_yaml,
    typed,
)
from fidelity.study.study import Study
from tests.helpers import ROOT

CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


@pytest.fixture
def demo():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def _set(config, path, value):
    *parents, last = path
    for key in parents:
        config = config.setdefault(key, {})
    config[last] = value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", (5, 3, "  c: 3")),
        ("a: [1\nb: 2\n", (2, 2, "b: 2")),
        ("a:\n\t- b\n", (2, 1, "\t- b")),
        ("a: b: c\n", (1, 5, "a: b: c")),
        # The parser notices this only at the end of the file.
        ("a: {b: 1\n\n", (1, 9, "a: {b: 1")),
        ("a: 'x\nb: 1\n", (1, 4, "a: 'x")),
        ("a: 1\nb: \x07\n", (2, 4, "b: \x07")),
    ],
)
def test_a_mistake_in_yaml_is_shown_with_its_line_and_column(tmp_path, text, place):
    line, column, shown = place
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        read_yaml(tmp_path / "mine.yaml")
    first, *_, last, caret = str(error.value).split("\n")
    assert f"mine.yaml, line {line}, column {column}: " in first
    assert last == f"    {shown}"
    assert caret.index("^") == 4 + column - 1


@pytest.mark.parametrize("text", ["a:\n\t- b\n", "a:\tb\n", "a: b\t# c\n"])
def test_a_tab_in_yaml_is_called_one(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match="this is a tab") as error:
        read_yaml(tmp_path / "mine.yaml")
    assert "spaces" in error.value.remedy


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path):
    (tmp_path / "mine.yaml").write_bytes("a: 1\nb: Ä\n".encode("cp1252"))
    with pytest.raises(InputError, match=r"mine\.yaml, line 2: .*UTF-8"):
        read_yaml(tmp_path / "mine.yaml")


def test_nested_keys_of_the_command_line_are_typed_and_merged(demo):
    given = parse_overrides(["compute={threads: 1}", "seed=7"])
    # Snakemake leaves values inside mappings as text.
    assert typed({"compute": {"threads": "1"}, "seed": 7}) == given
    found = merged({**demo, "compute": {"threads": 4, "batch": 3}}, given)
    assert found["compute"] == {"threads": 1, "batch": 3}
    assert found["seed"] == 7


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("1}", "key=value"),
        ("datasets.demo.image_size=32", "with a key of the top level"),
        ("compute={threads: 1", "compute"),
        ("comput=1", "Did you mean 'compute'"),
        ("compute={threds: 1}", "compute.threds"),
    ],
)
def test_a_mistake_in_set_is_not_looked_for_in_the_file(override, named):
    with pytest.raises(InputError, match=re.escape(named)) as error:
        load_file(ROOT / "config" / "config.yaml", [override])
    assert error.value.file.startswith("SET=")


def test_yaml_may_merge_and_override():
    check_yaml([ROOT / "config" / "fair_study_sample.yaml"])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_every_config_of_the_project_is_valid(path):
    loaded = settings.load(yaml.safe_load(path.read_text()), str(path), check_files=False)
    assert settings.load(loaded.recorded(), str(path), check_files=False) == loaded


def test_the_input_is_left_alone(demo):
    before = copy.deepcopy(demo)
    settings.load(demo)
    assert demo == before


def test_defaults_do_not_share_state(demo):
    demo["datasets"]["second"] = copy.deepcopy(demo["datasets"]["demo"])
    loaded = settings.load(demo).datasets
    loaded["demo"].labels["x"] = "y"
    assert loaded["second"].labels == {}


MISTAKES = [
    (("protocols",), ["default", "wsol"], r"protocols.*'wsol'.*no data set has boxes.*boxes_from"),
    (("explainers", "gradcam", "title"), "", r"explainers\.gradcam\.title.*'' is not allowed"),
    (
        ("explainers", "gradcam", "title"),
        "a {b}",
        r"gradcam\.title.*text \(at most 60 characters, no braces\)",
    ),
    (("explainers", "gradcam", "title"), "a" * 61, r"gradcam\.title.*at most 60 characters"),
    (("compute", "device"), "gpu", r"device.*expected: auto, cpu, cuda"),
    (
        ("display",),
        {"order": ["lim"]},
        r"display\.order.*'lim' is not among the explainers.*'lime'",
    ),
    (("display",), {"colours": {"lim": "#0072B2"}}, r"display\.colours.*'lim'.*'lime'"),
    (("display",), {"colours": {"lime": "blue"}}, r"display\.colours\.lime.*'blue'"),
    (("display",), {"colors": {}}, r"display\.colors.*'colours'"),
    (("sanity",), {"cases": 4, "explainers": ["lim"]}, r"sanity\.explainers.*'lim'.*'lime'"),
    (("sanity",), {"cases": 4, "explainers": ["random_gradcam"]}, r"nothing to randomise"),
    (("sanity",), {"case": 4}, r"sanity\.case.*'cases'"),
    (("faithfulness", "sensitivity"), {"radius": 0.001}, r"faithfulness\.sensitivity\.radius"),
    (("faithfulness", "metrics"), ["infidelty"], r"faithfulness\.metrics.*'infidelity'"),
    (("classifiers", "repeatability"), {"architecture": "resnet18"}, "reserved"),
    (
        ("datasets", "demo", "mask_values"),
        {"COVID-19": [255, 0, 0]},
        r"demo\.mask_values\.COVID-19.*list of grey values, and one occurs twice.*'#ff0000'",
    ),
    (("datasets", "demo", "imagesize"), 3, r"datasets\.demo\.imagesize.*'image_size'"),
    (("explainers", "x"), {"method": "grad_cam"}, r"explainers\.x\.method.*'gradcam'"),
    (("explainers", "lime", "samples"), "many", r"explainers\.lime\.samples.*'many'"),
    (("datasets", "demo", "source"), "phantm", r"datasets\.demo\.source.*'phantom'"),
    (("datasets", "demo", "input"), "lung_crp", r"datasets\.demo\.input.*'lung_crop'"),
    (
        ("datasets", "demo", "annotated_classes"),
        ["COVID"],
        r"demo\.annotated_classes.*no class 'COVID'.*'COVID-19'",
    ),
    (("datasets", "demo", "shortcut"), {"class": "Norml"}, r"demo\.shortcut\.class.*'Normal'"),
    (
        ("datasets", "demo", "labels"),
        {"COVID-19": None},
        r"an annotated class, but 'labels' leaves it out",
    ),
    (("datasets", "demo", "lung_masks"), "none", r"explainers\.lung_mask.*needs lung masks"),
    (("datasets", "demo", "lung_masks"), "chexmask", r"demo\.lung_masks.*Set lungs: <its CSV"),
    (("datasets", "demo", "intensity_percentiles"), [1, 99], r"percentiles.*intensity: percentile"),
    (("datasets", "demo", "intensity_percentiles"), [0.01, 0.99], r"fractions.*\[1, 99\]"),
    (("datasets", "demo", "pixel_spacing"), 143, r"demo\.pixel_spacing.*143 mm.*mm per pixel"),
    (("datasets", "demo", "pixel_spacing"), [0.000143, 0.2], r"demo\.pixel_spacing.*0\.000143"),
    (("classifiers", "resnet18", "classes"), ["A", "A"], r"resnet18\.classes.*'A'"),
    (("datasets", "demo", "records"), "a.csv", r"demo\.records.*used only if strata is set"),
    (("datasets", "demo", "strata"), ["gender"], r"demo\.strata.*'gender'"),
    (("explainers", "heart"), {"method": "heart_mask"}, r"explainers\.heart.*needs heart masks"),
    (("datasets", "summary"), {"source": "phantom", "annotated_classes": ["COVID-19"]}, "reserved"),
    (("classifiers", "none"), {"architecture": "resnet18"}, "reserved"),
    (("classifiers", "a/b"), {"architecture": "resnet18"}, r"classifiers\.a/b.*folder"),
    (("classifiers", "x"), {"architecture": "resnet18", "training": None}, "checkpoint"),
    (("classifiers", "x"), {"architecture": "resnet18", "weights": "nowhere.pt"}, "nowhere.pt"),
    (("classifiers", "x"), {"architecture": "torchscript", "weights": "x.pt"}, "trusted"),
    (("classifiers", "x"), {"architecture": "plugin:mine"}, r"no function 'mine'"),
    (("classifiers", "resnet18", "output_values"), "probabilities", r"18\.output_values.*logits"),
    (("classifiers", "resnet18", "output_values"), "logit", r"output_values.*'logits'"),
    (("classifiers", "resnet18", "training"), {"optimizer": "adamx"}, r"optimizer.*'adam"),
    (("classifiers", "resnet18", "training"), {"stages": [{"scheduler": "step"}]}, r"stages\[0\]"),
    (("classifiers", "resnet18", "transform_input"), True, r"only for googlenet and inception_v3"),
    (("classifiers", "resnet18", "weights_entry"), "ema", r"weights_entry.*names no file"),
    (("binarizations", "fixed50", "threshold"), 1.5, r"binarizations\.fixed50\.threshold"),
    *(
        (("binarizations", "fixed50", "threshold"), value, message)
        for value, message in (
            ({"COVID-19": 0.5, "Non-COVID": 1.0}, r"fixed50\.threshold.*1\.0"),
            ({"COVID-19": 0.5, "Non-Covid": 0.6}, r"'Non-Covid' is not an anno.*'Non-COVID'"),
            ({"COVID-19": 0.5}, r"'Non-COVID' has no threshold, but datasets\.demo"),
            ({"COVID-19": 0.5, "Non-COVID": 0.5, "Normal": 0.5}, r"'Normal' is not an annotated"),
            (
                {"COVID-19": 0.5, True: 0.5},
                r"fixed50\.threshold.*a key as true, not as text.*quotes",
            ),
            ({}, r"fixed50\.threshold"),
        )
    ),
    (("binarizations", "x"), {"method": "ostu"}, "'otsu'"),
    (("explain", "target"), "Covid-19", r"explain\.target.*'COVID-19'"),
    (("explain", "targets"), {"gradcm": "predicted"}, r"explain\.targets\.gradcm.*'gradcam'"),
    (
        ("explain", "targets"),
        {"lung_mask": "predicted"},
        r"targets\.lung_mask.*does not explain a classifier",
    ),
    (("explain", "targets"), {"lime": "Covid"}, r"explain\.targets\.lime.*'COVID-19'"),
    (("explainers", "gradcam", "layer"), {"resnet": "layer3"}, r"gradcam\.layer\.resnet.*Known"),
    (("statistics", "primary"), "jaccard", r"statistics\.primary"),
    (("statistics",), {"alpha": 0.01, "replicates": 199}, r"statistics\.replicates.*at least 200"),
    (("statistics",), {"alpha": 0.005, "permutations": 199}, r"statistics\.permutations.*200"),
    (("statistics", "primary"), "iou_nan", r"statistics\.primary.*'iou'"),
    (("statistics", "primary"), "assd_mm", r"statistics\.primary.*datasets\.demo.*pixel_spacing"),
    (("statistics", "compared"), ["iou", "hausdorf_full"], r"compared.*'hausdorff_full'"),
    (("statistics", "primary_binarization"), "fixed5", r"'fixed50'"),
    (("protocols",), ["defualt"], r"protocols.*'default'"),
    (("scores", "metrics"), ["iou", "hausdorf_full"], r"scores\.metrics.*'hausdorff_full'"),
    (("scores", "ranking"), ["roc_auk"], r"scores\.ranking.*'roc_auc'"),
    (("scores", "empty"), {"overlap_bot": "one"}, r"scores\.empty\.overlap_bot.*'overlap_both'"),
    (("scores", "empty"), {"overlap_both": "diagonal"}, r"scores\.empty\.overlap_both.*one"),
    (("scores", "empty"), {"distance_both": "one"}, r"scores\.empty\.distance_both.*zero"),
    (("binarizations", "x"), {"method": "percentile", "percentile": 100}, r"x\.percentile.*100"),
    (("binarizations", "x"), {"method": "percentile", "percentile": -1}, r"x\.percentile.*-1"),
    (
        ("binarizations", "x"),
        {"method": "percentile", "percentile": 80, "ties": "kept"},
        r"binarizations\.x\.ties.*shuffled",
    ),
    (("classifiers", "resnet18", "training"), {"class_weights": "heavy"}, r"weights.*balanced"),
    (("datasets", "demo", "scoring_size"), "native", r"demo\.scoring_size.*original"),
    (("datasets", "demo", "shards"), {"train": 0}, r"demo\.shards\.train.*0"),
    (("datasets", "demo", "shards"), {"trian": 1}, r"demo\.shards\.trian.*'train'"),
    (("compute", "dtype"), "float16", r"compute\.dtype.*bfloat16"),
    (("figures", "gallery_by"), "lim", "'lime'"),
    *(
        (
            ("explainers", "x"),
            {"method": "random_weights", "of": of},
            r"explainers\.x\.of.*does not depend on the training.*gradcam",
        )
        for of in (
            {"method": "lung_mask"},
            {"method": "random_weights", "of": {"method": "gradcam"}},
        )
    ),
    (("postprocess", "median"), 4, "odd"),
    (
        ("explainers", "lime", "superpixels"),
        {"algorithm": "slic", "ratio": 0.1},
        "ratio.*not a known",
    ),
    (("plugins",), ["nowhere.py"], "nowhere.py"),
    (("datasets", "demo", "annotated_classes"), [True], r"classes\[0\].*true.*in quotes.*\"Yes\""),
    (("datasets", "demo", "annotated_classes"), ["A", 1], r"classes\[1\].*number 1.*\"1\""),
    (("datasets", "demo", "annotated_classes"), [None], r"empty.*in quotes"),
    (("datasets", "demo", "annotated_classes"), [date(2020, 2, 1)], r"the date 2020-02-01.*quotes"),
    (("datasets", "demo", "labels"), {False: "A"}, r"labels.*key as false.*in quotes.*\"No\""),
    (("datasets", "demo", "labels"), {"Normal": 0.5}, r"labels\.Normal.*number 0\.5.*quotes"),
    (("explain", "target"), True, r"explain\.target.*true.*quotes"),
    (("datasets", "demo", "annotated_classes"), ["all"], r"annotated_classes.*'all' is reserved"),
    (("datasets", "demo", "labels"), {"Normal": "Predicted"}, r"demo\.labels.*is reserved"),
    (("sed",), 1, "'seed'"),
]


def test_protocols_of_boxes_take_boxes_of_masks(demo):
    demo["protocols"] = ["default", "wsol"]
    demo["datasets"]["demo"]["boxes_from"] = "masks"
    assert settings.load(demo).protocols == ["default", "wsol"]


@pytest.mark.parametrize("source", ["nih", "ms_cxr"])
def test_sources_without_training_boxes_train_no_baseline(demo, tmp_path, source):
    demo["datasets"] = {
        "boxes": {"source": source, "root": str(tmp_path), "annotated_classes": ["Pneumonia"]}
    }
    demo["explainers"] = {"mean": {"method": "mean_box"}}
    with pytest.raises(
        InputError, match=r"explainers\.mean.*is fitted to masks or boxes of the training split"
    ):
        settings.load(demo, check_files=False)
    demo["datasets"]["boxes"]["source"] = "vindr"
    demo["datasets"]["boxes"]["annotated_classes"] = ["ILD"]
    settings.load(demo, check_files=False)


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=lambda v: str(v)[:40])
def test_mistakes_are_named(demo, path, value, message):
    _set(demo, path, value)
    with pytest.raises(InputError, match=message) as caught:
        settings.load(demo, "config/mine.yaml")
    assert "\n" not in str(caught.value)


def test_drawn_chests_are_not_searched_for_duplicates_unless_asked(demo):
    assert settings.load(demo).model_dump()["datasets"]["demo"]["near_duplicates"] == "off"
    demo["datasets"]["demo"]["near_duplicates"] = "report"
    assert settings.load(demo).model_dump()["datasets"]["demo"]["near_duplicates"] == "report"


def test_weights_that_are_bound_to_a_size_set_it(demo, tmp_path):
    """The size is read without torch, from position embeddings. No pickled class is loaded."""
    torch = pytest.importorskip("torch")
    import argparse

    from safetensors.torch import save_file

    def size(value=None, **files):
        demo["datasets"]["demo"] |= {"image_size": value}
        files = {"none": None} | files
        demo["classifiers"] = {
            f"of_{name}": {"architecture": "resnet18", "weights": path and str(path)}
            for name, path in files.items()
        }
        return settings.load(demo).model_dump()["datasets"]["demo"]["image_size"]

    def vit(side, extra=1):
        return {
            "vit.pos_embed": torch.zeros(1, (side // 16) ** 2 + extra, 8),
            "vit.patch_embed.proj.weight": torch.zeros(8, 3, 16, 16),
        }

    one, two, free = (tmp_path / name for name in ("one.pt", "two.safetensors", "free.pt"))
    torch.save({"model": vit(96, 5), "args": argparse.Namespace(lr=1)}, one)
    save_file(vit(64), two)
    torch.save({"conv.weight": torch.zeros(8, 3, 16, 16)}, free)
    assert (size(a=one), size(a=two), size(a=free), size()) == (96, 64, 224, 224)
    assert (size(96, a=one, b=free), size(128, a=free)) == (96, 128)
    with pytest.raises(InputError, match=r"demo\.image_size.*is 224.*classifiers\.of_a .* 96 px"):
        size(224, a=one)
    with pytest.raises(InputError, match=r"of_a are for images of 96 px, those of of_b for 64 px"):
        size(a=one, b=two)


def test_missing_key_is_named(demo):
    demo["datset"] = demo.pop("datasets")
    with pytest.raises(InputError, match=r"'datset'.*'datasets'"):
        settings.load(demo)
    del demo["datset"]
    with pytest.raises(InputError, match="'datasets': is missing"):
        settings.load(demo)


def test_missing_data_root_is_named(demo):
    del demo["explainers"]["second_reader"]
    demo["datasets"]["demo"] = {
        "source": "covid_qu_ex", "root": "no/such", "annotated_classes": ["COVID-19"],
    }  # fmt: skip
    with pytest.raises(InputError, match=r"no/such.*SET=data_root="):
        settings.load(demo)


def test_plugins_are_read_not_run(demo, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("raise SystemExit('ran')\n\ndef mine(*args, a):\n    pass\n")
    demo["plugins"] = [str(file)]
    demo["explainers"]["x"] = {"method": "plugin:mine", "params": {"a": 1}}
    assert settings.load(demo).model_dump()["explainers"]["x"]["params"] == {"a": 1}
    file.write_text("def mine(:\n")
    with pytest.raises(InputError, match=r"mine\.py.*line 1"):
        settings.load(demo)


def test_a_threshold_per_class_is_kept_by_class(demo):
    by_class = {"COVID-19": 0.5, "Non-COVID": 0.6}
    demo["binarizations"]["fixed50"]["threshold"] = by_class
    demo["binarizations"]["each"] = {
        "method": "per_explainer",
        "otherwise": {"binarization": {"method": "fixed", "threshold": by_class}},
    }
    loaded = settings.load(demo)
    assert loaded.binarizations["fixed50"].threshold == by_class
    del demo["binarizations"]["each"]["otherwise"]["binarization"]["threshold"]["COVID-19"]
    demo["binarizations"]["fixed50"]["threshold"] = 0.5
    with pytest.raises(InputError, match=r"each\.otherwise\.threshold.*'COVID-19'"):
        settings.load(demo)


def test_a_percentile_must_keep_a_pixel_of_working_images(demo):
    """Otherwise every mask is empty, which shows only after all maps have been computed."""
    top = {"method": "percentile", "percentile": 99.9999}
    demo["binarizations"]["top"] = top
    demo["datasets"]["demo"]["image_size"] = 96
    settings.load(demo)  # the originals may be larger
    demo["datasets"]["demo"]["scoring_size"] = "working"
    with pytest.raises(InputError, match=r"top\.percentile.* 9216 pixels .* at most 99\.9891"):
        settings.load(demo)
    top["percentile"] = 99.9891
    settings.load(demo)


def test_the_family_of_a_plugin_is_its_entry_s_or_its_file_s(demo, tmp_path):
    file, other = tmp_path / "mine.py", tmp_path / "other.py"
    code = "raise SystemExit('ran')\n\ndef mine(*args):\n    pass\n"
    other.write_text('family = "ceiling"\n')
    demo["plugins"] = [str(other), str(file)]
    demo["explainers"]["x"] = {"method": "plugin:mine"}
    demo["explainers"]["y"] = {"method": "random_weights", "of": "x"}

    def family(text):
        file.write_text(text)
        loaded = settings.load(demo).explainers
        assert family_of(loaded["y"]) == "baseline"
        assert "family" not in without_family(loaded["y"].model_dump())["of"]
        return family_of(loaded["x"]), file_digest(file)

    (plain, digest), (cam, same) = family(code), family(f"family = 'cam'\n{code}")
    assert (plain, cam) == ("perturbation", "cam")
    assert digest == same
    # If the code reads the family, the family may decide a map.
    assert family(f"family = 'cam'\n{code}\nX = family\n")[1] != digest
    demo["explainers"]["x"]["family"] = "gradient"
    assert family(f"family = 'cam'\n{code}")[0] == "gradient"
    demo["explainers"]["x"]["family"] = "gradiant"
    with pytest.raises(InputError, match=r"explainers\.x\.family.*'gradient'"):
        settings.load(demo)
    del demo["explainers"]["x"]["family"]
    with pytest.raises(InputError, match=r"mine\.py.*family.*'cams'.*'cam'"):
        family(f"family = 'cams'\n{code}")


def test_a_function_that_two_plugins_define_is_refused(demo, tmp_path):
    """Only that of the first file would run."""
    demo["plugins"] = [str(tmp_path / name) for name in ("a.py", "b.py")]
    for path in demo["plugins"]:
        Path(path).write_text("def mine(*args):\n    pass\n\ndef other():\n    pass\n")
    demo["explainers"]["x"] = {"method": "plugin:mine"}
    with pytest.raises(InputError, match=r"explainers\.x\.method.*several.*a\.py, .*b\.py"):
        settings.load(demo)
    Path(demo["plugins"][1]).write_text("def other():\n    pass\n")
    settings.load(demo)


@pytest.mark.parametrize(
    ("given", "params", "message"),
    [
        ("classifier, image, target, seed, power=1", {}, None),
        ("model, x, y, s, *, power", {"power": 2}, None),
        ("*args, **kwargs", {"anything": 1}, None),
        ("classifier, *args", {}, None),
        ("classifier, image, target", {}, r"x\.method.*takes 3 of the 4 arguments"),
        ("classifier, image, target, seed, power=1", {"powr": 2}, r"x\.params.*'powr'.*'power'"),
        ("classifier, image, target, seed, power=1", {"seed": 2}, r"x\.params.*'seed'"),
        ("classifier, image, target, seed, *, power", {}, r"x\.params.*needs.*'power'"),
        ("classifier, image, target, seed, power", {}, r"x\.params.*needs.*'power'"),
    ],
)
def test_what_a_plugin_takes_is_checked_before_anything_runs(
    demo, tmp_path, given, params, message
):
    """Otherwise the first map fails, after the training."""
    file = tmp_path / "mine.py"
    file.write_text(f"def mine({given}):\n    pass\n")
    demo["plugins"] = [str(file)]
    demo["explainers"]["x"] = {"method": "plugin:mine", "params": params}
    if message is None:
        settings.load(demo)
        return
    with pytest.raises(InputError, match=message):
        settings.load(demo)
    file.write_text(f"import functools\n@functools.cache\ndef mine({given}):\n    pass\n")
    settings.load(demo)  # a decorator may change what it takes


def test_plugins_that_another_explainer_runs_are_looked_for(demo, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def mine(*args):\n    pass\n")
    demo["plugins"] = [str(file)]
    demo["explainers"]["x"] = {"method": "random_weights", "of": {"method": "plugin:mine"}}
    assert settings.load(demo).model_dump()["explainers"]["x"]["of"]["method"] == "plugin:mine"
    demo["explainers"]["x"]["of"]["method"] = "plugin:mien"
    with pytest.raises(InputError, match=r"explainers\.x\.of\.method.*'mine'"):
        settings.load(demo)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"samples": 501}, r"explainers\.lime\.samples"),
        ({"adaptive": {"budget": 301}}, r"explainers\.lime\.adaptive\.budget"),
        ({"adaptive": {"batch": 33}}, r"explainers\.lime\.adaptive\.batch"),
    ],
)
def test_designs_of_pairs_have_even_numbers_of_samples(demo, changes, field):
    demo["explainers"]["lime"] = {"method": "lime", **changes}
    settings.load(demo)
    demo["explainers"]["lime"]["sampling"] = "hadamard"
    with pytest.raises(InputError, match=field):
        settings.load(demo)


def test_lime_s_number_of_samples_goes_with_the_sampling(demo):
    demo["explainers"]["lime"] = {"method": "lime"}
    demo["explainers"]["peer"] = {"method": "lime", "sampling": "package"}
    demo["explainers"]["x"] = {"method": "random_weights", "of": {"method": "lime", "samples": 33}}
    loaded = settings.load(demo).model_dump()["explainers"]
    assert loaded["lime"]["sampling"] == loaded["x"]["of"]["sampling"] == "interpolated"
    assert loaded["lime"]["samples"] == 128
    assert loaded["peer"]["samples"] == 1000
    assert loaded["x"]["of"]["samples"] == 33


@pytest.mark.parametrize("part", ["explainers", "binarizations"])
def test_superpixels_in_the_lung_need_lung_masks(demo, part):
    method = "lime" if part == "explainers" else "superpixels"
    for name in ("lung_mask", "mean_mask"):
        demo["explainers"].pop(name)
    demo["datasets"]["demo"] |= {"lung_masks": "none", "input": "full"}
    settings.load(demo)
    demo[part]["x"] = {"method": method, "superpixels": {"algorithm": "slic_lung"}}
    with pytest.raises(InputError, match=rf"{part}\.x\.superpixels"):
        settings.load(demo)


def test_superpixels_of_an_explainer_that_another_one_runs_are_checked(demo):
    inner = {"method": "lime", "superpixels": {"algorithm": "slic"}}
    demo["explainers"]["x"] = {"method": "random_weights", "of": inner}
    loaded = settings.load(demo).model_dump()["explainers"]["x"]["of"]["superpixels"]
    assert loaded == {"algorithm": "slic", "n_segments": 100, "compactness": 10, "sigma": 0}
    inner["superpixels"]["ratio"] = 0.1
    with pytest.raises(InputError, match=r"explainers\.x\.of\.superpixels\.ratio"):
        settings.load(demo)


def test_a_primary_metric_in_mm_wants_the_spacing_of_every_data_set(demo):
    demo["statistics"] = {"primary": "assd_mm"}
    demo["datasets"]["demo"]["pixel_spacing"] = 0.5
    assert settings.load(demo).model_dump()["statistics"]["primary"] == "assd_mm"
    demo["datasets"]["second"] = {**demo["datasets"]["demo"], "pixel_spacing": None}
    with pytest.raises(InputError, match=r"datasets\.second has none"):
        settings.load(demo)


def test_a_least_accuracy_needs_exclusive_classes(demo):
    table = {"source": "table", "root": ".", "table": "t.csv", "annotated_classes": ["COVID-19"]}
    demo["statistics"] = {"least_accuracy": 0.8}
    demo["datasets"]["second"] = table
    loaded = settings.load(demo, check_files=False)
    assert loaded.statistics.least_accuracy == 0.8
    demo["datasets"]["second"] = {**table, "task": "multilabel"}
    with pytest.raises(InputError, match=r"statistics\.least_accuracy.*datasets\.second"):
        settings.load(demo, check_files=False)
    demo["statistics"] = {}
    settings.load(demo, check_files=False)


def test_compared_may_name_metrics_that_are_not_scored_here(demo):
    demo.setdefault("scores", {})["metrics"] = ["iou"]
    demo["statistics"] = {"compared": ["iou", "nsd", "roc_auc"]}
    assert settings.load(demo).model_dump()["statistics"]["compared"] == ["iou", "nsd", "roc_auc"]


def test_a_second_reader_wants_a_column_of_its_masks(demo, tmp_path):
    table = tmp_path / "cases.csv"
    demo["data_root"] = str(tmp_path.parent)
    demo["datasets"]["demo"] = {
        "source": "table", "root": tmp_path.name, "table": "cases.csv",
        "annotated_classes": ["COVID-19"],
    }  # fmt: skip
    head = "case,split,label,image,mask:COVID-19,lung_mask"
    table.write_text(f"{head},second_mask:COVID-19\n")
    settings.load(demo)
    table.write_text(f"{head},second_mask:Pneumonia\n")  # the class of this column is not scored
    with pytest.raises(InputError, match=r"datasets\.demo\.table.*'second_mask:COVID-19'"):
        settings.load(demo)
    del demo["explainers"]["second_reader"]
    settings.load(demo)


def test_targets_and_layers_by_name_reach_their_explainer(demo):
    cam = {"method": "gradcam", "layer": {"resnet18": "layer3"}}
    demo["classifiers"]["resnet18"]["seeds"] = [1, 2]
    demo["explainers"]["gradcam"] = cam
    demo["explainers"]["random_gradcam"] = {"method": "random_weights", "of": cam}
    demo["explain"] = {"target": "COVID-19", "targets": {"lime": "predicted"}}
    study = Study(settings.load(demo))
    assert study.target_of("lime") == "predicted"
    assert study.target_of("gradcam") == "COVID-19"
    assert study.bases["resnet18-s2"] == "resnet18"
    assert study.explainer_for("gradcam", "resnet18-s2").layer == "layer3"
    assert study.explainer_for("gradcam", "vgg16").layer == "auto"
    assert study.explainer_for("random_gradcam", "resnet18-s1").of.layer == "layer3"
    assert study.explainers["gradcam"].layer == {"resnet18": "layer3"}


def test_what_is_not_treated_alike_is_confounded(demo):
    assert Study(settings.load(copy.deepcopy(demo))).confounded == {}
    demo["explain"] = {"target": "reference", "targets": {"lime": "predicted"}}
    half = {"binarization": {"method": "fixed", "threshold": 0.5}}
    demo["binarizations"]["own"] = {"method": "per_explainer", "otherwise": half}
    found = Study(settings.load(copy.deepcopy(demo))).confounded
    assert set(found) == {"lime", "own"}
    assert "'predicted'" in found["lime"]
    demo["explain"]["targets"]["lime"] = "reference"
    assert set(Study(settings.load(demo)).confounded) == {"own"}


def test_the_seed_study_and_the_fair_one_keep_their_rules():
    seed, fair = (
        settings.load(yaml.safe_load((ROOT / "config" / name).read_text()), check_files=False)
        for name in ("seed_study.yaml", "fair_study.yaml")
    )
    assert seed.explain.targets == {"lime": "predicted"}
    assert set(Study(seed).confounded) == {"lime", "seed_rule"}
    assert Study(fair).confounded == {}
    for name, entry in seed.classifiers.items():
        assert fair.classifiers[name].training == entry.training
        assert len(fair.classifiers[name].seeds) >= 3
    assert {entry.input for entry in fair.datasets.values()} == {
        "full",
        "lung_masked",
        "lung_crop",
    }
    rule = Study(seed).rule_for("seed_rule", "gradcam")
    assert rule.binarization.model_dump() == {"method": "fixed", "threshold": 0.6}
    assert (rule.postprocess.lung, rule.postprocess.median) == (True, 5)
    assert Study(seed).rule_for("seed_rule", "lime").binarization.threshold == 0.5
    stages = seed.classifiers["convnext_base"].training.stages
    assert [stage.epochs for stage in stages] == [5, 10, 10]
    assert [stage.learning_rate for stage in stages] == [1e-3, 5e-4, 1e-5]


def test_the_three_configs_of_the_full_study_agree_in_all_that_they_share():
    full, masked, hundred = (
        load_file(ROOT / "config" / name, check_files=False).model_dump()
        for name in ("full_study.yaml", "full_study_masked.yaml", "full_study_hundred.yaml")
    )
    own = {"datasets", "only_classifiers"}
    assert {k: v for k, v in full.items() if k not in own} == {
        k: v for k, v in masked.items() if k not in own
    }
    assert {**full["datasets"]["covid_full"], "input": "lung_masked"} == masked["datasets"][
        "covid_masked"
    ]
    own = {"datasets", "classifiers", "explainers", "faithfulness", "sanity"}
    assert {k: v for k, v in full.items() if k not in own} == {
        k: v for k, v in hundred.items() if k not in own
    }
    assert set(hundred["classifiers"]) == set(masked["only_classifiers"]) - {"densenet121"}
    shared = full["explainers"].keys() & hundred["explainers"].keys()
    assert {"lime", "gradcam", "gradcam_depth3", "random_lime"} <= shared
    assert all(full["explainers"][name] == hundred["explainers"][name] for name in shared)


def test_checks_need_explainers_that_they_can_be_asked_of(demo):
    assert Study(settings.load(demo)).checked_explainers == []
    demo["sanity"] = {"cases": 4}
    # Neither baselines nor explainers whose weights are already random.
    assert Study(settings.load(demo)).checked_explainers == ["lime", "gradcam"]
    demo["sanity"]["explainers"] = ["gradcam"]
    assert Study(settings.load(demo)).checked_explainers == ["gradcam"]
    read = copy.deepcopy(demo)
    read["explainers"] = {"reader": {"method": "second_reader"}}
    read["sanity"] = {"cases": 4}
    with pytest.raises(InputError, match="nothing to randomise"):
        settings.load(read)
    read["sanity"] = {"cases": 0}
    read["faithfulness"] = {"metrics": ["sensitivity_max"]}
    with pytest.raises(InputError, match="read finished maps"):
        settings.load(read)


def test_seeds_expand(demo):
    demo["classifiers"]["resnet18"]["seeds"] = [1, 2]
    assert list(Study(settings.load(demo)).classifiers) == ["resnet18-s1", "resnet18-s2"]
    demo["classifiers"]["resnet18"]["seeds"] = [7]
    assert Study(settings.load(demo)).classifiers["resnet18"].seed == 7


def test_a_study_in_pieces_keeps_the_names(demo):
    demo["classifiers"]["resnet18"]["seeds"] = [1, 2]
    demo["only_classifiers"] = ["resnet18-s2"]
    study = Study(settings.load(demo))
    assert list(study.classifiers) == ["resnet18-s2"]
    assert study.bases == {"resnet18-s2": "resnet18"}
    demo["only_classifiers"] = ["resnet18-s3"]
    with pytest.raises(InputError, match=r"only_classifiers.*resnet18-s[12]"):
        settings.load(demo)


def test_superpixel_defaults_are_those_of_the_lime_package(demo):
    loaded = settings.load(demo).model_dump()["explainers"]["lime"]
    assert loaded["superpixels"] == {
        "algorithm": "quickshift", "kernel_size": 4, "max_dist": 200, "ratio": 0.2, "sigma": 0,
    }  # fmt: skip
    assert (loaded["kernel_width"], loaded["hide"], loaded["alpha"]) == (0.25, "mean", 1.0)


def test_parsing_the_config_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys; from fidelity.settings import loading; from fidelity.digests import code;"
        "from fidelity.datasets.acquisition import listing;"
        "print([m for m in ('torch', 'pandas', 'numpy', 'cv2', 'h5py') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow_scripts", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert result.stdout.strip() == "[]"


def test_every_key_has_a_description():
    schema = documentation.json_schema()
    sections = {"": schema, **schema["$defs"]}
    assert len(sections) > 70
    missing = [
        f"{name}.{key}"
        for name, section in sections.items()
        for key, entry in section.get("properties", {}).items()
        if not entry.get("description")
    ]
    assert missing == []


@pytest.mark.parametrize("of", ["maximum", "absolute"])
def test_a_key_without_an_effect_is_valid_and_in_no_key_table(demo, of):
    """Units and configs of earlier versions have it."""
    _set(demo, ("scores", "boxes", "of"), of)
    demo["binarizations"]["boxes"] = {"method": "boxes", "of": of}
    assert settings.load(demo).scores.boxes.of == of
    keys = re.findall(r"^\| `(.*?)` \|", documentation.tables(), re.M)
    assert {"boxes.threshold", "connectivity", "of"} <= {*keys}  # that of `random_weights`
    assert keys.count("of") == 1
    assert "boxes.of" not in keys
    defined = documentation.json_schema()["$defs"]
    assert all(defined[name]["properties"]["of"]["deprecated"] for name in ("Boxes", "BoxesRule"))


def test_config_readme_is_up_to_date():
    sys.path.insert(0, str(ROOT / "config"))
    import write_readme

    text = write_readme.README.read_text()
    assert write_readme.render(text) == text, "run `make docs`"
    # Run in a new process, because other tests may have defined models.
    program = "import write_readme; print(write_readme.schema(), end='')"
    command = [sys.executable, "-c", program]
    written = subprocess.run(
        command, cwd=ROOT / "config", capture_output=True, text=True, check=True
    )
    assert write_readme.SCHEMA.read_text() == written.stdout, "run `make docs`"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_editors_find_the_schema_and_no_mistake(path):
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=schemas/config.schema.json\n")
    jsonschema = pytest.importorskip("jsonschema")
    schema = documentation.json_schema()
    jsonschema.validate(yaml.safe_load(text), schema)
    wrong = yaml.safe_load(text) | {"comput": {}}
    assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)


def test_docs_of_metrics_and_protocols_are_up_to_date():
    sys.path.insert(0, str(ROOT / "docs"))
    import write_measuring

    text = write_measuring.MEASURING.read_text()
    assert write_measuring.render(text) == text, "run `make docs`"


def test_an_explainer_named_by_another_is_followed(demo):
    config = demo
    config["explainers"]["gradcam"] = {"method": "gradcam", "layer": "depth-2"}
    config["explainers"]["noise"] = {"method": "random_weights", "of": "gradcam"}
    found = settings.load(config, check_files=False).model_dump()["explainers"]
    assert found["noise"]["of"] == found["gradcam"]
    assert found["noise"]["of"]["layer"] == "depth-2"
    assert config["explainers"]["noise"]["of"] == "gradcam"  # the input config is unchanged


@pytest.mark.parametrize(
    ("of", "problem", "remedy"),
    [
        ("gradcan", "'gradcan' is not an explainer of this config", "gradcam"),
        ("noise", "'noise' itself runs another explainer", "gradcam"),
        ("sweep", "'sweep' uses all layers, but must use one", "sweep-depth"),
        (3, "3 is not", "another explainer of this config"),
        ({"method": "gradcan"}, "unknown explainer method 'gradcan'", "gradcam"),
    ],
)
def test_what_cannot_be_followed_is_told(demo, of, problem, remedy):
    config = demo
    config["explainers"]["gradcam"] = {"method": "gradcam"}
    config["explainers"]["sweep"] = {"method": "gradcam", "layer": "all"}
    config["explainers"]["noise"] = {"method": "random_weights", "of": of}
    with pytest.raises(InputError) as caught:
        settings.load(config, check_files=False)
    assert problem in caught.value.problem
    assert caught.value.field.startswith("explainers.noise.of")
    assert remedy in caught.value.remedy


def test_a_part_of_a_sweep_can_be_followed(demo):
    demo["explainers"]["sweep"] = {"method": "gradcam", "layer": "all"}
    demo["explainers"]["noise"] = {"method": "random_weights", "of": "sweep-depth2"}
    found = settings.load(demo, check_files=False).model_dump()["explainers"]
    assert found["noise"]["of"] == found["sweep-depth2"]


@pytest.mark.parametrize("entry", [3, True, "gradcam of", ["of"], None])
def test_explainers_that_are_no_mappings_are_told_by_the_schema(demo, entry):
    demo["explainers"]["odd"] = entry
    demo["explainers"]["noise"] = {"method": "random_weights", "of": "odd"}
    with pytest.raises(InputError, match="explainers.odd") as caught:
        settings.load(demo, check_files=False)
    assert "is not a mapping" in caught.value.problem


def test_checks_look_at_one_split(demo):
    loaded = settings.load(demo)
    for splits, judged in (
        (["test", "val"], "test"),
        (["train", "val"], "val"),
        (["train"], "train"),
    ):
        loaded.explain.splits = splits
        assert Study(loaded).judged_split == judged


def test_the_home_folder_is_meant_by_a_tilde_in_every_path(demo, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.py").write_text("def mine(): ...\n")
    (tmp_path / "w.pt").write_bytes(b"")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "a.npy").write_bytes(b"")
    (tmp_path / "images" / "deep").mkdir(parents=True)
    (tmp_path / "t.csv").write_text("case,split,label,image,mask:A\n")
    demo["data_root"] = "~"
    demo["datasets"]["mine"] = {
        "source": "table", "root": "~/images", "table": "~/t.csv", "annotated_classes": ["A"],
        "labels": {"A": "~A"}, "lung_masks": "none",
    }  # fmt: skip
    demo["datasets"] = {"mine": demo["datasets"]["mine"]}
    demo["explainers"] = {
        "theirs": {"method": "imported", "folder": "~/maps", "pattern": "{case}.npy"}
    }
    demo["explain"] = {"splits": ["test"]}
    demo["classifiers"] = {"net": {"architecture": "resnet18", "weights": "~/w.pt"}}
    demo["binarizations"] = {"fixed50": {"method": "fixed", "threshold": 0.5}}
    demo["plugins"] = ["~/own.py"]
    for section in (
        "faithfulness",
        "sanity",
        "figures",
        "known_truth",
        "postprocess",
        "statistics",
    ):
        demo.pop(section, None)
    found = settings.load(demo)
    assert found.root_of("mine") == tmp_path / "images"
    loaded = found.model_dump()
    assert loaded["data_root"] == str(tmp_path)
    assert loaded["datasets"]["mine"]["table"] == str(tmp_path / "t.csv")
    assert loaded["datasets"]["mine"]["labels"] == {"A": "~A"}
    assert loaded["plugins"] == [str(tmp_path / "own.py")]
    assert loaded["classifiers"]["net"]["weights"] == str(tmp_path / "w.pt")
    assert loaded["explainers"]["theirs"]["folder"] == str(tmp_path / "maps")


def with_controls(demo):
    kinds = {"aligned": "reference", "plain": None, "misaligned": "other_cases"}
    guided = {kind: {"guidance": {"masks": m}} if m else {} for kind, m in kinds.items()}
    demo["classifiers"] = {
        kind: {"architecture": "resnet18", "seeds": [1, 2], "training": {"epochs": 1, **own}}
        for kind, own in guided.items()
    }
    demo["controls"] = {kind: kind for kind in kinds}
    return demo


def test_controls_differ_in_their_guidance_alone(demo):
    study = Study(settings.load(with_controls(demo)))
    assert study.controls["plain"] == ["plain-s1", "plain-s2"]
    assert study.guided == ["aligned-s1", "aligned-s2", "misaligned-s1", "misaligned-s2"]
    assert {"hiding", "controls"} <= set(study.check_tables("demo"))
    demo["classifiers"]["misaligned"]["training"]["guidance"]["masks"] = "outside"
    assert Study(settings.load(demo)).controls == study.controls
    # Without guidance, no training has the key as a param.
    assert "guidance" not in study.classifiers["plain-s1"].training.model_dump()
    demo["only_classifiers"] = ["aligned-s1", "plain-s1", "misaligned-s2"]
    study = Study(settings.load(demo))
    assert "controls" not in study.check_tables("demo")
    assert study.control_names == ["aligned-s1", "plain-s1", "misaligned-s2"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("controls", "plain"), "plane", "controls.plain.*plane.*plain"),
        (("controls", "plain"), None, "controls.plain.*is missing"),
        (("controls", "plain"), "aligned", "controls.plain.*has the guidance reference, not none"),
        (
            ("classifiers", "misaligned", "training", "guidance", "masks"),
            "reference",
            "controls.misaligned.*not other_cases or outside.*masks: other_cases",
        ),
        (("classifiers", "plain", "training", "epochs"), 2, "controls.plain.*differs.*training"),
        (("classifiers", "plain", "seeds"), [1, 3], "controls.plain.*differs.*seeds"),
        (("classifiers", "plain", "training", "guidance"), {"wait": 1}, "guidance.*weight"),
    ],
)
def test_controls_that_do_not_fit_together(demo, path, value, message):
    _set(with_controls(demo), path, value)
    with pytest.raises(InputError, match=message):
        settings.load(demo)
