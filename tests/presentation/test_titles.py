"""Titles: distinct defaults, order and colours. Rules that compute see none of them."""

import pytest
import yaml

from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.figures.shared import style
from fidelity.presentation import titles
from fidelity.study.job_settings import JobSettings
from fidelity.study.study import Study
from tests.helpers import ROOT

# For each section with titles: an entry and another title for it.
GIVEN = {
    "datasets": ("demo", "Our hospital"),
    "classifiers": ("resnet18", "Our network"),
    "explainers": ("lime", "LIME & co. $x_1$"),
    "binarizations": ("tuned", "Our rule"),
}


@pytest.fixture
def demo():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def shown(config):
    study = Study(settings.load(config))
    return titles.Display(**titles.display(study, *study.datasets))


def test_defaults_name_method_kind_and_data_set(demo):
    found = shown(demo)
    assert found.explainers["lime"] == "LIME"
    assert found.explainers["lung_mask"] == "Whole lung (null)"
    assert found.explainers["unet"] == "U-Net (ceiling)"
    assert found.explainers["random_gradcam"] == "Grad-CAM with random weights (null)"
    assert found.binarizations["fixed50"] == "Threshold 0.5"
    assert found.binarizations["oracle"] == "Best threshold per image (diagnostic)"
    assert (found.datasets, found.classifiers) == ({"demo": "Demo"}, {"resnet18": "ResNet-18"})


def test_readers_are_called_by_their_names(demo):
    demo["datasets"]["demo"] |= {"simulated_readers": 2, "reference": "staple"}
    for name, reader in {"second_reader": None, "mine": "r1", "ours": "any"}.items():
        demo["explainers"][name] = {"method": "second_reader", "reader": reader}
    found = shown(demo).explainers
    assert found["second_reader"] == "Second reader (ceiling)"
    assert found["mine"] == "Reader r1 (ceiling)"
    assert found["ours"] == "One of the readers (ceiling)"
    # Names of masks from readers without a name.
    assert [titles.reader_title(name) for name in ("first", "second", "r1")] == [
        "First reader",
        "Second reader",
        "Reader r1",
    ]


def test_several_entries_of_one_method_are_told_apart(demo):
    demo["explainers"] = {
        "gradcam": {"method": "gradcam"},
        "gradcam_depth3": {"method": "gradcam", "layer": "depth-3"},
        "sweep": {"method": "gradcam", "layer": "all"},
        "lime_a": {"method": "lime", "samples": 200, "alpha": 2, "kernel_width": 1},
        "lime_b": {"method": "lime", "samples": 300, "alpha": 3, "kernel_width": 2},
        "mean_mask": {"method": "mean_mask"},
        "mean_mask_lung": {"method": "mean_mask", "align": "lung_box"},
    }
    demo["classifiers"]["other"] = {"architecture": "resnet18", "seeds": [1, 2]}
    found = shown(demo)
    assert found.explainers == {
        "gradcam": "Grad-CAM",
        "gradcam_depth3": "Grad-CAM (depth3)",
        "sweep-depth1": "Grad-CAM, depth 1",
        "sweep-depth2": "Grad-CAM, depth 2",
        "sweep-depth3": "Grad-CAM (sweep-depth3)",
        "sweep-depth4": "Grad-CAM, depth 4",
        # Three settings would be too many, so the titles use the keys.
        "lime_a": "LIME (a)",
        "lime_b": "LIME (b)",
        "mean_mask": "Mean training mask (null)",
        "mean_mask_lung": "Mean training mask, lung box (null)",
    }
    assert found.classifiers["resnet18"] == "ResNet-18"
    assert found.classifiers["other-s2"] == "ResNet-18 (other), seed 2"


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "config").glob("*.yaml")))
def test_no_two_entries_of_our_configs_have_one_title(name):
    config = yaml.safe_load((ROOT / "config" / name).read_text())
    study = Study(settings.load(config, check_files=False))
    found = titles.display(study, *study.datasets)
    for section in GIVEN:
        assert len(set(found[section].values())) == len(found[section])
        assert all(len(title) <= 60 for title in found[section].values())


@pytest.mark.parametrize(
    ("architecture", "title"),
    [
        ("resnet50", "ResNet-50"),
        ("timm:convnextv2_tiny", "ConvNeXt-V2-Tiny"),
        ("efficientnet_b0", "EfficientNet-B0"),
        ("vit_b_16", "ViT-B-16"),
        ("squeezenet1_1", "SqueezeNet-1.1"),
        ("mnasnet0_75", "MNASNet-0.75"),
        ("regnet_x_1_6gf", "RegNet-X-1.6gf"),
        ("wide_resnet50_2", "Wide-Resnet50-2"),
        ("plugin:my_net", "My net"),
        ("torchscript", "Torchscript"),
    ],
)
def test_architectures_are_named_as_papers_do(architecture, title):
    assert titles.architecture_title(architecture) == title


def test_titles_of_the_config_are_used_and_reach_no_job_that_computes(demo):
    before = settings.load(demo)
    for section, (key, title) in GIVEN.items():
        demo[section][key]["title"] = title
    demo["display"] = {"order": ["gradcam"], "colours": {"gradcam": "#009E73"}}
    after = settings.load(demo)
    found = shown(demo)
    for section, (key, title) in GIVEN.items():
        assert getattr(found, section)[key] == title
        dumped = (getattr(config, section)[key].model_dump() for config in (before, after))
        assert next(dumped) == next(dumped)
        assert after.recorded()[section][key]["title"] == title
    for job in (JobSettings(Study(config)).explainer(JOB) for config in (before, after)):
        assert "title" not in job
    assert found.order[:2] == ["gradcam", "lime"]


class JOB:
    """The wildcards of a job."""

    dataset, classifier, explainer = "demo", "resnet18", "lime"


@pytest.mark.parametrize("section", GIVEN)
def test_equal_titles_are_refused(demo, section):
    key, title = GIVEN[section]
    demo[section]["other"] = {**demo[section][key], "title": title}
    demo[section][key]["title"] = title
    with pytest.raises(InputError, match=rf"{section}\.other\.title.*{section}\.{key}.*another"):
        settings.load(demo)


def test_a_default_gives_way_to_an_equal_title(demo):
    demo["explainers"]["gradcam"]["title"] = "LIME"
    found = shown(demo)
    assert found.explainers["gradcam"] == "LIME"
    assert found.explainers["lime"] == "LIME [lime]"


def test_the_order_and_colours_of_the_config_are_those_of_all_figures(demo):
    demo["display"] = {"order": ["unet", "gradcam"], "colours": {"lime": "#D55E00"}}
    plain = style.looks(["lime", "gradcam"])
    with titles.showing(shown(demo)):
        looks = style.looks(["lime", "gradcam", "unet"])
        assert list(looks) == ["unet", "gradcam", "lime"]
        assert looks["lime"].colour == "#D55E00"
        # This colour was Grad-CAM's, which now gets a free one, also in figures with fewer
        # explainers.
        assert looks["gradcam"].colour not in ("#D55E00", plain["gradcam"].colour)
        assert style.looks(["gradcam"])["gradcam"] == looks["gradcam"]
    assert style.looks(["lime", "gradcam"]) == plain


def test_twenty_explainers_have_looks_of_their_own():
    families = {f"method_{number}": "cam" for number in range(20)}
    with titles.showing(titles.Display(families=families)):
        whole = style.looks(families)
        assert len(set(whole.values())) == 20
        assert all(style.looks([name])[name] == look for name, look in whole.items())
