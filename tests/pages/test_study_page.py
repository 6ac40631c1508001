"""The study page: its questions, their order, and names by users that are never executed."""

import io
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.cm import inferno
from matplotlib.figure import Figure
from PIL import Image, ImageColor

import study_page as script
from fidelity.analysis.columns.localization import STRATA, THRESHOLDS
from fidelity.analysis.columns.organs import ORGANS, REGIONS
from fidelity.datasets.cases import Case, write_cases
from fidelity.datasets.prepared_list import write_list
from fidelity.figures.shared.readings import lines_of
from fidelity.pages.study_page import pictures
from fidelity.pages.study_page.build import UNFOLDED
from fidelity.presentation.protocols import MEANINGS
from fidelity.presentation.titles import showing
from fidelity.presentation.wording import UNITS_FIRST, generated_data
from fidelity.study.job_settings import JobSettings
from fidelity.study.page_settings import PageSettings
from fidelity.verdict.answer import answer
from tests.helpers.html_page import Page
from tests.helpers.small_tables import W, written
from tests.helpers.synthetic_results import gallery_files

EVIL = "<script>alert(1)</script>\"'`&amp; \ue000he2016\ue001 $x$"
CONFIG = {
    "datasets": {
        "demo": {"source": "phantom", "annotated_classes": ["COVID-19", "Non-COVID"]},
    },
    "classifiers": {"net": {"architecture": "resnet18"}},
    "explainers": {
        "lime": {"method": "lime"},
        "gradcam": {"method": "gradcam"},
        "lung_mask": {"method": "lung_mask"},
        "centre_prior": {"method": "centre_prior"},
        "random_superpixels": {"method": "random_superpixels"},
    },
    "binarizations": {"fixed50": {"method": "fixed", "threshold": 0.5}, "otsu": {"method": "otsu"}},
}
LEVELS = {
    "lime": 0.5, "gradcam": 0.3, "lung_mask": 0.4, "centre_prior": 0.2, "random_superpixels": 0.1,
}  # fmt: skip


def page_of(folder, config=CONFIG, levels=LEVELS, cases=40):
    made = written(folder, config, levels, cases)
    return made, page_from(made, folder)


def page_from(made, folder, **more):
    with showing(made.display):
        script.main(
            **made.arguments,
            **more,
            settings=PageSettings(JobSettings(made.study)).study_page(W),
            output=str(folder / "study.html"),
        )
    return (folder / "study.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return page_of(tmp_path_factory.mktemp("page"))


def test_the_answer_says_who_by_how_much_how_sure_and_against_what(small):
    made, text = small
    (chapter,) = json.loads(Path(made.files["verdict"]).read_text())["chapters"]
    with showing(made.display):
        told = answer(chapter, made.study.families, 0.05)
    best = chapter["headline"][0]["numbers"]
    assert told.sentence == (
        f"On Demo, LIME has the highest mean IoU of 2 explainers ({best['mean']:.3f}), "
        "and is shown to be better than all 3 null baselines."
    )
    mean, other, nulls, worse, weights = told.details
    assert f"{best['mean']:.3f} (95 % interval {best['ci_low']:.3f} to" in mean
    assert "shown to be better than Grad-CAM (difference +0." in other
    assert "Whole lung (0." in nulls
    assert worse.startswith("Grad-CAM is shown to be worse than ")
    assert weights == UNITS_FIRST.format(unit="patient")
    assert "Ribeiro et al. (2016). Why Should I Trust You?" in Page(text).text
    for sentence in (told.sentence, *told.details):
        assert sentence in Page(text).text
    # The verdict has this sentence, too; the page shows it once.
    assert Page(text).text.count(UNITS_FIRST.format(unit="patient")) == 1
    assert generated_data("Demo") in " ".join(Page(text).text.split())


def test_strong_warnings_are_above_the_figure(tmp_path):
    _, text = page_of(tmp_path, levels={**LEVELS, "lime": 0.05, "gradcam": 0.04})
    assert "No explainer was shown to score higher than" in text.split("<img")[0]


def test_its_parts_are_in_order_and_nothing_is_loaded(small):
    _, text = small
    found = [text.index(f">{title}<") for title in (
        "Main result", "Where does the ranking flip?", "Six cases: best, median and worst by LIME",
        "Can the classifier be trusted?", "Caveats", "Methods", "References", "How to cite", "More",
    )]  # fmt: skip
    assert found == sorted(found)
    assert text.index("Question:") < text.index('class="answer"') < text.index("<img") < found[0]
    page = Page(text)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert not re.match(r"\w+:", attributes.get("href", ""))
    assert len(text) < 10_000_000


def test_that_no_conclusion_is_drawn_is_said_once(tmp_path):
    made = written(tmp_path, CONFIG, LEVELS)
    alarm = "No conclusion about explainers is drawn from net."
    said = json.loads(Path(made.files["verdict"]).read_text())
    chapter = said["chapters"][0]
    chapter["quality"] = {"concludes": False}
    numbers = {"withheld": True}
    chapter["headline"].insert(0, {"text": alarm, "outcome": "warning", "numbers": numbers})
    Path(made.files["verdict"]).write_text(json.dumps(said))
    assert Page(page_from(made, tmp_path)).text.count(alarm) == 1


def test_strata_and_organs_are_shown_where_they_are_requested(small, tmp_path):
    _, plain = small
    assert "In which organs" not in plain
    assert "between groups of cases" not in plain
    demo = {
        **CONFIG["datasets"]["demo"],
        "strata": ["sex"],
        "lung_masks": "chexmask",
        "lungs": "CheXmask.csv",
    }
    made = written(tmp_path, {**CONFIG, "datasets": {"demo": demo}}, LEVELS)
    head = {"dataset": "demo", "split": "test", "classifier": "net", "class": "all"}
    numbers = {"n": 12, "n_undefined": 0, "ci_low": 0.1, "ci_high": 0.3, "mean": 0.2}
    of_sex = {**head, "binarization": "fixed50", "protocol": "default", "metric": "iou"}
    strata = STRATA.frame(
        {**of_sex, **numbers, "explainer": e, "stratum": "sex", "level": EVIL} for e in LEVELS
    )
    shares = {f"reference_{name}": 0.25 for name in ("mean", "ci_low", "ci_high")}
    organs = ORGANS.frame(
        {**head, **numbers, **shares, "explainer": e, "region": region, "area_mean": 0.25}
        for e in LEVELS
        for region in REGIONS
    )
    for name, table in (("strata", strata), ("organs", organs)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        made.files[name] = str(tmp_path / f"{name}.csv")
    with showing(made.display):
        script.main(
            **made.arguments,
            settings=PageSettings(JobSettings(made.study)).study_page(W),
            output=str(tmp_path / "study.html"),
        )
    text = (tmp_path / "study.html").read_text(encoding="utf-8")
    words = Page(text).text
    assert "In which organs does the attribution lie?" in words
    assert "Reference masks" in words
    assert "<summary>IoU by sex of the patient" in text
    assert "0.200 [0.100, 0.300] (12†)" in words
    assert "Warning: fewer than 20 cases" in words
    assert "<script>alert" not in text


def test_classes_are_told_apart_where_there_are_several(small, tmp_path):
    made, text = small
    table = pd.read_csv(made.files["localization"]).query(
        "metric == 'iou' and binarization == 'fixed50' and explainer == 'lime'"
    )
    part = text.split("<summary>IoU by class on Demo")[1].split("</details>")[0]
    for row in table[table["class"] != "all"].itertuples():
        assert f'<th class="num">{row[table.columns.get_loc("class") + 1]}</th>' in part
        told = f"{row.mean:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}] ({row.n - row.n_undefined})"
        assert told in part
    alone = table["class"] == "COVID-19"
    assert alone.sum() == 1
    whole = pd.read_csv(made.files["localization"])
    kept = {**made.files, "localization": str(tmp_path / "localization.csv")}
    whole[whole["class"] == "COVID-19"].to_csv(kept["localization"], index=False)
    assert "by class on" not in page_from(replace(made, files=kept), tmp_path)


def test_protocols_are_defined_where_there_are_several(small, tmp_path):
    assert "MONAI" not in Page(small[1]).text
    config = {**CONFIG, "protocols": ["default", "monai"]}
    made = written(tmp_path, config, LEVELS)
    table = pd.read_csv(made.files["localization"])
    both = pd.concat([table, table.assign(protocol="monai")])
    both.to_csv(made.files["localization"], index=False)
    words = Page(page_from(made, tmp_path)).text
    assert f"Default: {MEANINGS['default']}" in words
    # The meaning appears before the figure that names the protocol.
    assert 0 < words.index(f"MONAI: {MEANINGS['monai']}") < words.index("Rank of each explainer's")


def test_faithfulness_is_shown_where_it_was_measured(small, tmp_path):
    """The page shows results over all classes; the verdict has the single classes."""
    question = "Does the classifier use what the maps show?"
    assert question not in Page(small[1]).text
    made = written(tmp_path, CONFIG, LEVELS)
    said = json.loads(Path(made.files["verdict"]).read_text())
    (section,) = (s for s in said["chapters"][0]["sections"] if s["title"] == question)
    section["intro"] = "What faithfulness is."
    section["groups"] = [
        {"title": title, "sentences": [{"text": text, "outcome": "better", "numbers": {}}]}
        for title, text in (
            ("What they rest on", "Twenty cases."),
            ("Against the null baselines, all classes", "LIME exceeds two."),
            ("Between explainers, all classes", "LIME exceeds Grad-CAM."),
            ("Against the null baselines, class COVID-19", "LIME exceeds none."),
        )
    ]
    Path(made.files["verdict"]).write_text(json.dumps(said))
    words = Page(page_from(made, tmp_path)).text
    part = words.split(question)[1].split("Can the classifier be trusted?")[0]
    for text in (
        section["intro"], "Twenty cases.", "Against the null baselines, all classes",
        "LIME exceeds two.", "LIME exceeds Grad-CAM.",
    ):  # fmt: skip
        assert text in part
    assert "LIME exceeds none." not in words


def test_tuned_thresholds_and_original_sizes_are_beside_the_settings(small, tmp_path):
    assert "Thresholds of the binarization" not in Page(small[1]).text
    assert "original images" not in Page(small[1]).text
    made = written(tmp_path, CONFIG, LEVELS)
    tuned = {}
    for name, values in (("gradcam", {"COVID-19": 0.25, "Non-COVID": 0.5}), ("lime", {EVIL: 0.7})):
        rows = [
            {"class": cls, "metric": "iou", "threshold": value, "mean": 0.3, "n": 9}
            for cls, value in values.items()
        ]
        tuned[name] = str(tmp_path / f"{name}.csv")
        THRESHOLDS.frame(rows).to_csv(tuned[name], index=False)
    case = Case("a", "a", "test", ("COVID-19",), "a.png", width=300, height=200)
    write_cases(made.files["cases"], [case])
    text = page_from(made, tmp_path, thresholds={"net": tuned})
    methods = text.split(">Methods<")[1].split(">References<")[0]
    words = Page(methods).text
    assert "The original images have 300 × 200 pixels. The network saw" in words
    assert "Thresholds of the binarization “Threshold 0.5”, ResNet-18" in words
    rows = re.findall(r"<tr><td>(.*?)</td><td class=.num.>(.*?)</td><td .*?>(.*?)</td>", methods)
    assert rows == [("LIME", "–", "–"), ("Grad-CAM", "0.25", "0.5")]
    write_cases(made.files["cases"], [case, replace(case, case="b", width=250, height=700)])
    words = Page(page_from(made, tmp_path)).text
    assert "The original images are 250 to 300 pixels wide and 200 to 700 pixels high." in words


def test_titles_are_shown_and_no_keys(small):
    _, text = small
    words = Page(text).text
    for key in ("random_superpixels", "centre_prior", "lung_mask", "fixed50", "gradcam"):
        assert key not in words


def test_it_says_why_there_are_no_cases(small, tmp_path):
    _, text = small
    assert "this page comes from a re-analysis" in Page(text).text
    _, text = page_of(tmp_path, {**CONFIG, "explorer": {"images": False}})
    assert "explorer.images: false" in Page(text).text
    assert "data:image/png" not in text


def test_names_of_users_are_text(tmp_path):
    config = json.loads(json.dumps(CONFIG))
    config["datasets"]["demo"]["title"] = EVIL
    config["classifiers"]["net"]["title"] = EVIL
    config["explainers"]["lime"]["title"] = EVIL + " LIME"
    config["binarizations"]["fixed50"]["title"] = EVIL
    _, text = page_of(tmp_path, config)
    page = Page(text)
    assert not [tag for tag, _ in page.tags if tag == "script"]
    assert "<script>alert(1)</script>" in page.text


def test_more_than_eight_rows_are_folded_and_none_is_lost(tmp_path):
    config = json.loads(json.dumps(CONFIG))
    levels = dict(LEVELS)
    for number in range(15):
        name = f"cam_{number}"
        config["explainers"][name] = {
            "method": "gradcam",
            "title": f"A long title of number {number}",
        }
        levels[name] = 0.2 + 0.01 * number
    _, text = page_of(tmp_path, config, levels)
    main, *_ = text.split(">Where does the ranking flip?<")
    tables = re.findall(r"<tbody>(.*?)</tbody>", main, re.S)
    rows = [len(re.findall(r"<td>|<td ", table)) // 7 for table in tables]
    assert [len(re.findall(r"<tr(?! class=\"rule\"><th)", table)) for table in tables][
        0
    ] == UNFOLDED
    assert sum(rows) >= 20
    assert f"{20 - UNFOLDED} more rows" in Page(text).text


def test_each_classifier_has_a_block_and_the_first_is_open(tmp_path):
    config = json.loads(json.dumps(CONFIG))
    config["classifiers"] = {
        "zeta": {"architecture": "resnet18"}, "alpha": {"architecture": "densenet121"},
    }  # fmt: skip
    _, text = page_of(tmp_path, config)
    blocks = re.findall(r'<details class="part whole"( open)?><summary>(.*?)</summary>', text)
    assert blocks == [(" open", "ResNet-18"), ("", "DenseNet-121")]
    summary = text.split('class="summary"')[1].split("</ul>")[0]
    assert summary.index("ResNet-18") < summary.index("DenseNet-121")


@pytest.mark.parametrize("levels", [{"lime": 0.4}, {"lung_mask": 0.4, "centre_prior": 0.2}])
def test_the_smallest_studies_have_a_page(tmp_path, levels):
    config = {**CONFIG, "explainers": {name: CONFIG["explainers"][name] for name in levels}}
    if "lime" not in levels:
        config["classifiers"] = {}
    _, text = page_of(tmp_path, config, levels, cases=3)
    words = Page(text).text
    assert "Main result" in words
    assert ("LIME has a mean IoU of" in words) == ("lime" in levels)


def test_cases_are_drawn_in_one_picture_that_fits(tmp_path):
    """The gallery's code draws them. A smaller budget gives a smaller picture."""
    made = gallery_files(tmp_path, LEVELS)
    (tmp_path / "classes.json").write_text('{"classes": ["COVID-19", "Non-COVID"]}')
    write_list(made["prepared"], tmp_path / "classes.json", tmp_path / "explained.json")
    files = {
        "prepared": str(tmp_path / "explained.json"),
        "maps": [path for entry in made["explainers"] for path in entry["maps"]],
        "masks": [entry["masks"] for entry in made["explainers"]],
        "shown_scores": [entry["scores"] for entry in made["explainers"]],
    }
    settings = {
        "explainers": list(LEVELS),
        "ceilings": [],
        "by": next(iter(LEVELS)),
        "cases": 1,
        "sign": "positive",
        "scoring_size": "original",
    }
    sizes = []
    for most in (10_000_000, 1):
        kind, content = pictures.cases(files, settings, most).split(",")
        assert kind == "data:image/png;base64"
        sizes.append(Image.open(io.BytesIO(b64decode(content))).size)
    assert sizes[0][0] > 2 * sizes[1][0]


def test_thin_lines_keep_their_colours():
    """Only colours distinguish the readers, but a radiograph uses most of the 256 colours."""
    wanted = [ImageColor.getrgb(line.colour) for line in lines_of("abcde").values()]
    shades = np.random.default_rng(0).integers(0, 256, (400, 400, 1))
    image = np.broadcast_to(shades, (400, 400, 3)).copy()
    heat = np.linspace(0, 1, 100) * np.ones((100, 1))
    image[:100, :100] = inferno(heat, bytes=True)[..., :3]
    for place, colour in enumerate(wanted):
        image[200 + 20 * place, 200:260] = colour
    fig = Figure(figsize=(4, 4))
    fig.figimage(image / 255)
    picture = Image.open(io.BytesIO(pictures._png(fig, 100))).convert("RGB")
    shown = np.asarray(picture, int)[200:300:20, 200:260]
    assert np.abs(shown - np.array(wanted)[:, None]).max() <= 3
