"""Captions of the report that depend on the study, rendered as in Snakemake."""

from types import SimpleNamespace

import jinja2
import pytest

from fidelity.presentation.wording import generated_data
from fidelity.settings import load
from fidelity.study.study import Study
from tests.helpers import ROOT

TITLES = {
    "datasets": {"d": "Demo"},
    "classifiers": {"net": "ResNet-18"},
    "explainers": {"lime": "LIME", "lung": "Whole lung (null)", "unet": "U_Net (ceiling)"},
    "families": {"lime": "perturbation", "lung": "baseline", "unet": "ceiling"},
    "binarizations": {"tuned": "Tuned threshold"},
    "split": "test",
}


def caption(name, titles=TITLES, generated=(), **job):
    text = (ROOT / "rules" / "captions" / f"{name}.rst").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    config = Config(titles=titles, answers=[], generated=generated)
    found = environment.from_string(text).render(snakemake=SimpleNamespace(config=config, **job))
    return " ".join(found.split())


class Config(dict):
    """A dict whose keys are also attributes, as in Snakemake's templates."""

    __getattr__ = dict.__getitem__


def test_the_start_page_lists_explainers_null_baselines_and_ceilings_apart():
    found = caption("study")
    assert (
        "Explainers: LIME. "
        "Null baselines (they ignore the trained classifier): Whole lung. "
        r"Ceilings (networks trained on reference masks, or second readers): U\_Net. An explainer"
    ) in found
    alone = caption("study", TITLES | {"explainers": {"lime": "LIME"}})
    assert "Explainers: LIME. An explainer" in alone
    assert "ResNet-18. Explainers: LIME." in alone
    # Whether the data are generated, before any result.
    told = [generated_data("De_mo")]
    assert r"ResNet-18. The images, patients and readers of De\_mo are generated." in caption(
        "study", generated=told
    )


@pytest.mark.parametrize("ceilings", [[], ["unet"]])
def test_a_gallery_states_which_methods_it_leaves_out(ceilings):
    wildcards = SimpleNamespace(dataset="d", classifier="net", binarization="tuned")
    gallery = {"explainers": ["lime", *ceilings], "by": "lime", "ceilings": ceilings}
    params = SimpleNamespace(settings={"gallery": gallery})
    found = caption("gallery", wildcards=wildcards, params=params)
    assert ("One more column is the ceiling" in found) == bool(ceilings)
    assert "ordered by the IoU of LIME." in found


@pytest.mark.parametrize("name", ["gallery", "distributions"])
@pytest.mark.parametrize(("rule", "warned"), [("tuned", False), ("oracle", True)])
def test_a_caption_warns_of_a_diagnostic_binarization_only(name, rule, warned):
    rules = {"tuned": "Tuned threshold", "oracle": "Best threshold per image (diagnostic)"}
    wildcards = SimpleNamespace(dataset="d", classifier="net", binarization=rule)
    gallery = {"explainers": ["lung", "lime"], "by": "lime", "ceilings": []}
    found = caption(
        name,
        TITLES | {"binarizations": rules},
        wildcards=wildcards,
        params=SimpleNamespace(settings={"gallery": gallery}),
    )
    assert ("too optimistic" in found) == warned


def test_a_forest_plot_without_null_baselines_or_of_another_split_is_described_so():
    wildcards = SimpleNamespace(dataset="d", classifier="net")
    found = caption("forest", wildcards=wildcards)
    assert "test split. The number n counts cases with a value. The dotted line marks" in found
    other = TITLES | {"families": {"lime": "perturbation"}, "split": "val"}
    found = caption("forest", other, wildcards=wildcards)
    assert found.endswith("val split. The number n counts cases with a value.")


@pytest.mark.parametrize(("splits", "said"), [(["val", "test"], "test"), (["val"], "val")])
def test_captions_name_the_splits_that_are_shown(splits, said):
    config = {
        "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
        "classifiers": {"net": {"architecture": "resnet18"}},
        "explainers": {"lime": {"method": "lime"}},
        "binarizations": {"fixed50": {"method": "fixed", "threshold": 0.5}},
        "explain": {"splits": splits},
    }
    assert Study(load(config, check_files=False)).shown_splits == said
