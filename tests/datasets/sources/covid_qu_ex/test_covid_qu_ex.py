import shutil

import cv2
import numpy as np
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets import registry
from fidelity.datasets.cases import Case
from fidelity.datasets.images.images import decode_mask
from fidelity.datasets.mask_files.mask_values import mask_values_of
from fidelity.datasets.sources.covid_qu_ex import covid_qu_ex
from fidelity.datasets.sources.covid_qu_ex.covid_qu_ex import (
    TOP,
    TOPS,
    find_cases,
    unexpected_counts,
)
from fidelity.settings.reading import load_file
from tests.helpers import ROOT
from tests.helpers.entries import dataset
from tests.helpers.small_data import make_covid_layout

CONFIGS = ROOT / "config"


def test_one_case_per_image_with_masks_and_lungs(covid):
    cases = list(find_cases(covid, dataset("covid_qu_ex")))
    assert len(cases) == 18
    first = cases[0]
    assert (first.case, first.split, first.labels) == ("train COVID-19 (0)", "train", ("COVID-19",))
    assert first.patient == first.case
    assert first.image == f"{TOP}/Train/COVID-19/images/train COVID-19 (0).png"
    assert (covid / first.lung_mask).is_file()
    assert (covid / first.masks["COVID-19"]).is_file()


@pytest.mark.parametrize("depth", [[], [TOP], ["x"], ["x", TOP], ["x", "y", TOP]])
def test_layouts_that_unpacking_gives(tmp_path, depth):
    make_covid_layout(tmp_path.joinpath("root", *depth), per_class=1)
    cases = list(find_cases(tmp_path / "root", dataset("covid_qu_ex")))
    assert len(cases) == 9
    assert all((tmp_path / "root" / case.image).is_file() for case in cases)


@pytest.mark.parametrize("depth", [[TOP], [TOP, TOP]])
def test_the_root_may_be_the_inner_folder(tmp_path, depth):
    make_covid_layout(tmp_path.joinpath(*depth[:-1]), per_class=1)
    cases = list(find_cases(tmp_path.joinpath(*depth), dataset("covid_qu_ex")))
    assert cases[0].image.startswith("Train/")
    assert len(cases) == 9


def test_bad_roots_are_named(tmp_path, covid):
    (tmp_path / "empty").mkdir()
    shutil.copytree(covid / TOP, tmp_path / "two" / "a" / TOP)
    shutil.copytree(covid / TOP, tmp_path / "two" / "b" / TOP)
    for name, said in (("none", "does not exist"), ("empty", "no folder"), ("two", "several")):
        with pytest.raises(InputError, match=said) as error:
            list(find_cases(tmp_path / name, dataset("covid_qu_ex")))
        assert str(tmp_path / name) in str(error.value)
        assert "Set 'root'" in error.value.remedy or "set 'root'" in error.value.remedy


@pytest.mark.parametrize(
    "name", ["covid_qu_ex", "covid_qu_ex_faithfulness", "fair_study", "seed_study"]
)
def test_the_configs_of_the_whole_data_set_confirm_its_large_masks(name):
    # Ten masks of the published data set cover 51 to 54 % of their image.
    config = load_file(CONFIGS / f"{name}.yaml", check_files=False)
    large = np.zeros((20, 20), np.uint8)
    large[:11] = 255
    data = cv2.imencode(".png", large)[1].tobytes()
    for entry in config.datasets.values():
        settings = entry.model_dump()
        assert settings["source"] == "covid_qu_ex"
        mask = decode_mask(data, "m.png", "COVID-19", mask_values_of(dataset("table", settings)))
        assert np.array_equal(mask, large > 0)


def test_patients_come_from_patients_csv(covid):
    ids = [case.case for case in find_cases(covid, dataset("covid_qu_ex"))]
    lines = [f"{name},p{number // 2}" for number, name in enumerate(ids)]
    (covid / "patients.csv").write_text("\n".join(["case,patient", *lines]))
    assert [case.patient for case in find_cases(covid, dataset("covid_qu_ex"))][:3] == [
        "p0",
        "p0",
        "p1",
    ]
    text = "\n".join([" Case;Patient", *lines]).replace(",", ";")
    (covid / "patients.csv").write_text(text, encoding="utf-8-sig")
    assert [case.patient for case in find_cases(covid, dataset("covid_qu_ex"))][:3] == [
        "p0",
        "p0",
        "p1",
    ]
    (covid / "patients.csv").write_text("\n".join(["case,patient", *lines[1:]]))
    with pytest.raises(InputError, match=r"patients.csv, 'patient'.*has no patient"):
        list(find_cases(covid, dataset("covid_qu_ex")))
    (covid / "patients.csv").write_text("case,person\n")
    with pytest.raises(InputError, match=r"patients.csv, 'patient'"):
        list(find_cases(covid, dataset("covid_qu_ex")))


def test_unknown_source_suggests_the_near_one():
    with pytest.raises(InputError, match="Did you mean 'covid_qu_ex'"):
        registry.reader("covid_qu_x")


def test_the_phantom_is_read_as_the_real_data():
    assert registry.reader("phantom") is registry.reader("covid_qu_ex")
    assert registry.generator("covid_qu_ex") is None


@pytest.fixture
def both(covid):
    """Create a data set with both parts; the lung part is larger."""
    return make_covid_layout(covid, per_class=3, part="lung")


def test_the_lung_part_has_lung_masks_alone(both):
    cases = list(find_cases(both, dataset("covid_qu_ex", {"part": "lung"})))
    assert len(cases) == 27
    assert all(case.image.startswith(TOPS["lung"]) for case in cases)
    assert all((both / case.lung_mask).is_file() for case in cases)
    assert not any(case.masks for case in cases)
    assert len(list(find_cases(both, dataset("covid_qu_ex")))) == 18


@pytest.mark.parametrize(("here", "asked"), [("lung", "infection"), ("infection", "lung")])
def test_the_folder_of_the_other_part_is_refused(both, here, asked):
    with pytest.raises(
        InputError, match=rf"'part': this is the folder of the other.*{TOPS[asked]}"
    ):
        list(find_cases(both / TOPS[here], dataset("covid_qu_ex", {"part": asked})))


def cases_of(counts):
    return [
        Case(f"{split} {name} {n}", "", split, (name,), "")
        for name, by_split in counts.items()
        for split, count in by_split.items()
        for n in range(count)
    ]


def test_the_published_counts_are_accepted():
    counts = covid_qu_ex.INFECTION_COUNTS
    assert sum(sum(by_split.values()) for by_split in counts.values()) == 5826
    assert (counts["Non-COVID"]["test"], counts["Normal"]["test"]) == (292, 291)
    settings = {"source": "covid_qu_ex", "part": "infection"}
    whole = cases_of(counts)
    assert unexpected_counts(whole, dataset("covid_qu_ex", settings)) is None
    said = unexpected_counts(
        [*whole[1:], Case("x", "", "val", ("Other",), "")], dataset("covid_qu_ex", settings)
    )
    assert said == (
        "the infection part of COVID-QU-Ex has 5826 images, and 5826 are here"
        " (train COVID-19 1863 of 1864, val Other 1 of 0)"
    )


def test_the_published_counts_of_the_lung_part_are_of_no_split():
    settings = {"source": "covid_qu_ex", "part": "lung"}
    counts = {name: {"train": n - 7, "test": 7} for name, n in covid_qu_ex.LUNG_COUNTS.items()}
    whole = cases_of(counts)
    assert len(whole) == 33_920
    assert unexpected_counts(whole, dataset("covid_qu_ex", settings)) is None
    said = unexpected_counts(whole[2:], dataset("covid_qu_ex", settings))
    assert "has 33920 images, and 33918 are here (COVID-19 11954 of 11956)" in said


def test_the_phantom_may_have_any_number(covid):
    assert (
        unexpected_counts(
            find_cases(covid, dataset("covid_qu_ex")), dataset("covid_qu_ex", {"source": "phantom"})
        )
        is None
    )
