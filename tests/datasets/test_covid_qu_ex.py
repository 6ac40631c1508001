import shutil

import pytest
from small_data import make_covid_layout

from fidelity.datasets import registry
from fidelity.datasets.covid_qu_ex import TOP, find_cases
from fidelity.errors import InputError


def test_one_case_per_image_with_masks_and_lungs(covid):
    cases = list(find_cases(covid, {}))
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
    cases = list(find_cases(tmp_path / "root", {}))
    assert len(cases) == 9
    assert all((tmp_path / "root" / case.image).is_file() for case in cases)


@pytest.mark.parametrize("depth", [[TOP], [TOP, TOP]])
def test_the_root_may_be_the_inner_folder(tmp_path, depth):
    make_covid_layout(tmp_path.joinpath(*depth[:-1]), per_class=1)
    cases = list(find_cases(tmp_path.joinpath(*depth), {}))
    assert cases[0].image.startswith("Train/")
    assert len(cases) == 9


def test_bad_roots_are_named(tmp_path, covid):
    (tmp_path / "empty").mkdir()
    shutil.copytree(covid / TOP, tmp_path / "two" / "a" / TOP)
    shutil.copytree(covid / TOP, tmp_path / "two" / "b" / TOP)
    for name, said in (("none", "does not exist"), ("empty", "no folder"), ("two", "several")):
        with pytest.raises(InputError, match=said) as error:
            list(find_cases(tmp_path / name, {}))
        assert str(tmp_path / name) in str(error.value)
        assert "Set 'root'" in error.value.remedy or "set 'root'" in error.value.remedy


def test_patients_come_from_patients_csv(covid):
    ids = [case.case for case in find_cases(covid, {})]
    lines = [f"{name},p{number // 2}" for number, name in enumerate(ids)]
    (covid / "patients.csv").write_text("\n".join(["case,patient", *lines]))
    assert [case.patient for case in find_cases(covid, {})][:3] == ["p0", "p0", "p1"]
    (covid / "patients.csv").write_text("\n".join(["case,patient", *lines[1:]]))
    with pytest.raises(InputError, match=r"patients.csv, 'patient'.*has no patient"):
        list(find_cases(covid, {}))
    (covid / "patients.csv").write_text("case,person\n")
    with pytest.raises(InputError, match=r"patients.csv, 'patient'"):
        list(find_cases(covid, {}))


def test_unknown_source_suggests_the_near_one():
    with pytest.raises(InputError, match="Did you mean 'covid_qu_ex'"):
        registry.reader("covid_qu_x")


def test_the_phantom_is_read_as_the_real_data():
    assert registry.reader("phantom") is registry.reader("covid_qu_ex")
    assert registry.generator("covid_qu_ex") is None
