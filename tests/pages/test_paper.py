"""The paper folder holds exactly what it cites, and mentions only what was run."""

import json
import re
import shutil
import subprocess
from itertools import chain

import pandas as pd
import pytest

import paper as script
from fidelity.explainers.registry import METHODS
from fidelity.metrics.registry import METRICS
from fidelity.pages.methods import references
from fidelity.pages.methods.text import DATA_SOURCES, _layers
from fidelity.pages.methods.training import GUIDANCE
from fidelity.presentation.titles import showing
from fidelity.study.job_settings import JobSettings
from fidelity.study.page_settings import PageSettings
from tests.helpers.small_tables import W, written
from tests.pages.test_study_page import CONFIG, EVIL, LEVELS

DOCUMENT = r"""
\documentclass[twocolumn]{article}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
\input{main}
\input{methods}
\begin{figure}\includegraphics[width=\linewidth]{figure}\end{figure}
\bibliographystyle{plain}\bibliography{references}
\end{document}
"""


def folder_of(place, config=CONFIG, levels=LEVELS, change=None, table="localization"):
    made = written(place, config, levels)
    if change:
        change(pd.read_csv(made.files[table])).to_csv(made.files[table], index=False)
    with showing(made.display):
        script.main(
            **made.arguments,
            settings=PageSettings(JobSettings(made.study)).paper(W),
            output=str(place / "paper"),
        )
    return place / "paper"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("paper"))


def keys_of(folder):
    return set(re.findall(r"^@\w+\{(.*?),", (folder / "references.bib").read_text(), re.M))


def test_the_references_are_those_that_the_methods_cite(folder):
    tex = (folder / "methods.tex").read_text()
    cited = {key for found in re.findall(r"\\cite\{(.*?)\}", tex) for key in found.split(",")}
    assert cited == keys_of(folder)
    assert {"ribeiro2016", "selvaraju2017", "he2016", "otsu1979", "holm1979"} <= cited
    assert "tahir2021" not in cited
    markdown = (folder / "methods.md").read_text()
    assert set(re.findall(r"@([\w-]+\d{4})", markdown)) == cited


def test_nothing_is_in_it_that_was_not_run(folder, tmp_path):
    """An entry of the config without scores in the tables is not mentioned."""
    whole = (folder / "methods.md").read_text()
    assert "Grad-CAM" in whole
    assert "Otsu" in whole
    part = folder_of(
        tmp_path,
        change=lambda t: t[(t["explainer"] != "gradcam") & (t["binarization"] != "otsu")],
    )
    text = (part / "methods.md").read_text()
    assert "Grad-CAM" not in text
    assert "Otsu" not in text
    assert not {"selvaraju2017", "otsu1979"} & keys_of(part)


def test_the_methods_say_what_the_config_sets(tmp_path):
    config = json.loads(json.dumps(CONFIG))
    config["explainers"]["lime"] |= {"samples": 77, "kernel_width": 0.33}
    config["statistics"] = {"replicates": 321, "margin": 0.07}
    config["scores"] = {"empty": {"distance_prediction": "nan"}}
    config["postprocess"] = {"lung": True}
    next(iter(config["datasets"].values()))["reference"] = "staple"
    config["classifiers"]["net"]["training"] = {
        "epochs": 5,
        "learning_rate": 0.0123,
        "guidance": {"loss": "share"},
    }
    text = (folder_of(tmp_path, config) / "methods.md").read_text()
    for words in (
        "samples: 77",
        "kernel width: 0.33",
        "321 bootstrap",
        "±0.07",
        "only the predicted mask is empty, overlap is 0 and distances are undefined",
        "restricted to the lung mask",
        "joined by STAPLE",
        "at most 5 epochs, batches",
        "Training images were randomly flipped left to right with probability 0.5, rotated",
        "learning rate 0.0123",
        "loss share [@rao2023], weight 1",
        "40 in the test split",
        # One of the 40 has an empty reference.
        "39 cases of 20 patients with a reference mask",
        "No image and no patient is in two splits.",
    ):
        assert words in text
    next(iter(config["datasets"].values()))["duplicates"] = "keep"
    (tmp_path / "kept").mkdir()
    assert "two splits" not in (folder_of(tmp_path / "kept", config) / "methods.md").read_text()


def test_the_methods_describe_each_stage_of_a_training(tmp_path):
    config = json.loads(json.dumps(CONFIG))
    config["classifiers"]["net"]["training"] = {
        "learning_rate": 0.01,
        "augmentation": {"flip": 0, "rotation": 0, "translation": 0, "contrast": 0},
        "stages": [
            {"trainable": "head", "epochs": 3},
            {"learning_rate": 0.0001, "patience": 2, "augmentation": {"scale": 0, "brightness": 0}},
        ],
    }
    text = (folder_of(tmp_path, config) / "methods.md").read_text()
    head, whole = text.split("in 2 stages. Stage 1 (only the head): ")[1].split("Stage 2 ")
    assert "at most 3 epochs, batches of 32, optimizer adamw, learning rate 0.01" in head
    assert (
        "randomly enlarged or reduced by up to 10 % and changed in brightness by up to 10 % of"
        in head
    )
    assert "(all layers): at most 12 epochs, at most 2 in a row without a better" in whole
    assert "learning rate 0.0001" in whole
    assert "Training images were not changed." in whole


def test_the_methods_of_images_with_several_classes_claim_no_patients(tmp_path):
    made = folder_of(tmp_path, change=lambda t: t.assign(unit_of_analysis="image"),
                     table="comparisons")  # fmt: skip
    text = (made / "methods.md").read_text()
    assert "39 cases (an image and a class each) of 20 images with a reference mask" in text
    assert "patient" not in text.replace("Patients and readers are simulated", "")


def test_equivalence_is_only_described_where_it_can_be_claimed(folder, tmp_path):
    text = (folder / "methods.md").read_text()
    assert "inside ±0.05 and rests on at least 10 patients." in text
    assert "random patterns of signs, or all patterns if there are fewer)" in text
    config = {**CONFIG, "statistics": {"primary": "hausdorff_full"}}
    assert "equivalent" not in (folder_of(tmp_path, config) / "methods.md").read_text()


def test_the_methods_warn_of_a_binarization_that_uses_the_reference_only(folder, tmp_path):
    warning = "uses the reference mask, so its scores are too optimistic"
    assert warning not in (folder / "methods.md").read_text()
    config = {**CONFIG, "binarizations": {**CONFIG["binarizations"], "otsu": {"method": "oracle"}}}
    assert (folder_of(tmp_path, config) / "methods.md").read_text().count(warning) == 1


def test_the_original_lime_study_is_not_taken_for_the_paper_on_lime(tmp_path):
    config = {**CONFIG, "protocols": ["default", "seed"]}
    with_it = folder_of(
        tmp_path, config, change=lambda t: pd.concat([t, t.assign(protocol="seed")])
    )
    text = (with_it / "methods.md").read_text()
    assert "conventions of the original LIME study (LIME against Grad-CAM) [@gupta2025]." in text


def test_the_methods_name_the_layer_and_the_settings_that_act(folder, tmp_path):
    text = (folder / "methods.md").read_text()
    assert "(layer “layer4.1”)" in text
    assert "Whole lung (the whole lung)" in text
    assert "auto" not in text
    assert (
        "hidden superpixels are filled with: their mean grey value; number of random seeds: 1"
        in text
    )
    # Its penalty is not alpha itself.
    assert "ridge penalty: 1 for every 1000 subsets in the regression; hidden" in text
    assert "superpixels algorithm: quickshift" in text
    assert "hide" not in text
    for idle in ("width of the blur", "radius of the inpainting", "compared between seeds"):
        assert idle not in text
    config = json.loads(json.dumps(CONFIG))
    config["explainers"]["lime"] |= {"hide": "blur", "repeats": 2, "adaptive": {"error": 0.1}}
    config["explainers"]["lime"] |= {"sampling": "package", "alpha": 2}
    text = (folder_of(tmp_path, config) / "methods.md").read_text()
    for acting in (
        "width of the blur: 8",
        "superpixels compared between seeds: 5",
        "adaptive error: 0.1",
        "ridge penalty: 2; hidden superpixels are filled with: the blurred image",
    ):
        assert acting in text
    for idle in ("radius of the inpainting", "samples: 1", "adaptive level", "adaptive top"):
        assert idle not in text


def test_the_methods_say_whose_the_reference_is_and_which_cases_are_predicted(folder, tmp_path):
    words = ("The reference is that of the first reader.", "[@gupta2025]")
    text = (folder / "methods.md").read_text()
    assert not any(told in text for told in words)
    assert "Predicted cases have a non-empty predicted mask." in text
    config = json.loads(json.dumps(CONFIG))
    config["datasets"]["demo"]["second_reader"] = True
    config["explainers"]["second"] = {"method": "second_reader"}
    text = folder_of(
        tmp_path,
        config,
        LEVELS | {"second": 0.6},
        lambda t: pd.concat([t, t.assign(protocol="seed")]),
    )
    assert all(told in (text / "methods.md").read_text() for told in words)


def test_layers_of_several_classifiers_are_told_apart():
    found = {"a-s1": {"cam": "conv_head"}, "a-s2": {"cam": "conv_head"}, "b": {"cam": "layer4.1"}}
    settings = {"layers": found, "bases": {"a-s1": "a", "a-s2": "a", "b": "b"}}
    assert _layers("cam", ["a-s1", "none", "a-s2"], settings) == "“conv_head”"
    assert _layers("cam", found, settings) == "“conv_head” of a and “layer4.1” of b"
    assert _layers("lime", found, settings) == ""


def test_each_source_that_a_registry_names_by_year_is_in_the_library():
    known = [*METHODS.values(), *METRICS.values()]
    for source in {entry.source for entry in known}:
        years = set(re.findall(r"\b(?:19|20)\d\d\b", source))
        assert bool(references.cite(source)) == bool(years), source
    cited = [references.cite(entry.source) for entry in known]
    assert all(key in references.entries() for key in references.cited(cited))
    for source in (
        *chain(*DATA_SOURCES.values()),
        *GUIDANCE.values(),
    ):
        (key,) = references.cited([references.cite(source)])
        assert source == f"{references._authors(references.entries()[key])[0]} {key[-4:]}"
    both = references.cite("Lundberg & Lee 2017, in pairs as Covert & Lee 2021")
    assert references.cited([both]) == ["lundberg2017", "covert2021"]


def test_several_trainings_were_trained(folder, tmp_path):
    assert "was trained on" in (folder / "methods.md").read_text()
    config = json.loads(json.dumps(CONFIG))
    config["classifiers"]["net"]["seeds"] = [1, 2]
    assert "were trained on" in (folder_of(tmp_path, config) / "methods.md").read_text()


def test_a_name_of_a_user_cites_nothing(tmp_path):
    config = json.loads(json.dumps(CONFIG))
    config["classifiers"]["net"] = {"architecture": "vgg11", "title": EVIL}
    assert "he2016" not in keys_of(folder_of(tmp_path, config))


def test_the_figure_embeds_its_fonts(folder):
    content = (folder / "figure.pdf").read_bytes()
    # Fonts are embedded as TrueType, because journals refuse type 3 fonts.
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("title", ["Demo", references.without_marks(EVIL)])
def test_it_compiles_with_booktabs(tmp_path, title):
    config = json.loads(json.dumps(CONFIG))
    config["datasets"]["demo"]["title"] = title
    folder = folder_of(tmp_path, config)
    (folder / "document.tex").write_text(DOCUMENT, encoding="utf-8")
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    steps = [
        [*latex, "document"],
        ["bibtex", "document"],
        [*latex, "document"],
        [*latex, "document"],
    ]
    for command in steps if shutil.which("bibtex") else steps[:1]:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]
    if shutil.which("bibtex"):
        log = (folder / "document.log").read_text(encoding="latin-1")
        assert "undefined" not in log
