"""Facts about a case from its files: in a common form, only on request, and never an age."""

import numpy as np
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case
from fidelity.datasets.facts import age_group, facts_of, with_facts
from fidelity.datasets.indexing.index import index_cases
from tests.helpers.entries import dataset
from tests.helpers.small_data import make_covid_layout, write_image
from tests.helpers.small_dicom import PATIENT, dicom_bytes


@pytest.mark.parametrize(
    ("age", "group"),
    [
        ("17", "under 18"),
        ("18", "18 to 39"),
        ("058Y", "40 to 59"),
        ("60.0", "60 to 79"),
        ("120", "80 and over"),
        ("009M", "under 18"),
        ("300D", "under 18"),
        # NIH has a patient of 412 years.
        ("412", ""),
        ("?", ""),
        (None, ""),
    ],
)
def test_age_groups(age, group):
    assert age_group(age) == group


def test_one_form_for_all():
    assert facts_of("pa", "F", "33") == {"view": "PA", "sex": "female", "age_group": "18 to 39"}
    assert facts_of("Lateral", "Male") == {"view": "lateral", "sex": "male"}
    assert facts_of("", "unknown", "", " report ") == {"label_source": "report"}


def settings_of(**changes):
    keys = {"annotated_classes": ["COVID-19"], "near_duplicates": "off", "lung_masks": "none"}
    return dataset("covid_qu_ex", {"root": ".", **keys, **changes})


def test_records_are_kept_as_far_as_they_are_requested(tmp_path):
    root = make_covid_layout(tmp_path)
    name = index_cases(root, settings_of())[0][0].case
    (root / "records.csv").write_text(f"case,view,sex,age\n{name},AP,M,71\nother,PA,F,3\n")
    cases, *_ = index_cases(root, settings_of(records="records.csv", strata=["age_group"]))
    assert cases[0].facts == {"age_group": "60 to 79"}
    assert not any(case.facts for case in cases[1:])
    (root / "records.csv").write_text("name,view\nx,PA\n")
    with pytest.raises(InputError, match="column is missing") as found:
        index_cases(root, settings_of(records="records.csv", strata=["view"]))
    assert found.value.file == root / "records.csv"
    assert "column case or image" in found.value.remedy


def test_records_that_are_of_no_case_or_are_not_understood(tmp_path, caplog):
    root = make_covid_layout(tmp_path)
    name = index_cases(root, settings_of())[0][0].case
    caplog.clear()
    settings = settings_of(records="records.csv", strata=["view", "sex", "age_group"])
    header = "case,view,sex,age\n"
    (root / "records.csv").write_text(f"{header}{name},NA,W,412\nother,PA,F,33\n")
    cases, *_ = index_cases(root, settings)
    assert cases[0].facts == {}
    said = [r.getMessage() for r in caplog.records if "records.csv" in r.getMessage()]
    assert len(said) == 3
    assert "1 cells of the column sex are not understood" in said[0]
    assert "'W'" in said[0]
    assert "column age" in said[1]
    assert "412" not in caplog.text  # not even in a log
    assert said[2].endswith("1 of 2 rows are of no case (first: 'other')")
    (root / "records.csv").write_text(f"{header}other,PA,F,33\n")
    with pytest.raises(InputError, match=r"records.csv.*none of its 1 rows is of a case"):
        index_cases(root, settings)
    (root / "records.csv").write_text(f"{header}{name},PA,F,33\n{name},AP,F,33\n")
    with pytest.raises(InputError, match=r"line 3: .* has another row with other values"):
        index_cases(root, settings)


def test_records_by_a_name_of_two_images(tmp_path):
    cases = [Case(c, c, "test", (), f"{c}/1.png") for c in ("east", "west")]
    settings = settings_of(records="records.csv", strata=["view"])
    (tmp_path / "records.csv").write_text("image,view\n1.png,PA\n")
    with pytest.raises(InputError, match="'1.png' is the name of 2 images"):
        with_facts(cases, tmp_path, settings)
    (tmp_path / "records.csv").write_text("image,view\neast/1.png,PA\nwest/1.png,AP\n")
    found = with_facts(cases, tmp_path, settings)
    assert [case.facts for case in found] == [{"view": "PA"}, {"view": "AP"}]
    (tmp_path / "records.csv").write_text("image,view\neast/1.png,PA\neast,AP\n")
    with pytest.raises(InputError, match="'east' has another row with other values"):
        with_facts(cases, tmp_path, settings)


def dicom_table(root, **header):
    root.mkdir(exist_ok=True)
    rows = ["case,split,label,image,mask:a"]
    for number, split in enumerate(["train", "val", "test"]):
        pixels = np.random.default_rng(number).integers(0, 60000, (32, 32)).astype(np.uint16)
        (root / f"{number}.dcm").write_bytes(dicom_bytes(pixels, **header))
        write_image(root / f"{number}.png", np.eye(32, dtype=np.uint8) * 255)
        rows.append(f"{number},{split},a,{number}.dcm,{number}.png")
    (root / "t.csv").write_text("\n".join(rows) + "\n")
    return root


def test_a_dicom_header_tells_only_what_is_requested(tmp_path):
    header = {"PatientSex": "F", "PatientAge": "058Y", "ViewPosition": "PA"}
    root = dicom_table(tmp_path, **header)
    keys = {"root": ".", "table": "t.csv", "annotated_classes": ["a"], "lung_masks": "none"}

    def facts(*strata):
        settings = dataset("table", {**keys, "near_duplicates": "off", "strata": list(strata)})
        return index_cases(root, settings)[0][0].facts

    assert facts() == {}
    assert facts("lesion_count") == {}
    # A lateral view has no side.
    assert facts("side") == {"view": "PA"}
    assert facts("sex") == {"sex": "female"}
    assert facts("view", "sex", "age_group", "label_source") == {
        "view": "PA",
        "sex": "female",
        "age_group": "40 to 59",
    }
    told = str(facts("view", "sex", "age_group", "label_source"))
    assert "58" not in told
    assert not any(value in told for value in PATIENT.values())
