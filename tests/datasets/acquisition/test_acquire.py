"""The rule `acquire`: from a folder, an archive and a download."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import acquire
from fidelity import settings as config_settings
from fidelity.base.errors import InputError
from fidelity.datasets.acquisition import kaggle
from fidelity.datasets.acquisition.data_root import correct_link
from fidelity.datasets.acquisition.listing import listing_digest
from fidelity.datasets.indexing.index import index_cases
from fidelity.settings.datasets import Dataset
from fidelity.study.job_settings import JobSettings
from fidelity.study.study import Study
from tests.helpers.entries import dataset
from tests.helpers.small_data import make_covid_layout


@pytest.fixture
def zipped(covid, tmp_path):
    make_covid_layout(covid, per_class=3, part="lung")
    return shutil.make_archive(str(tmp_path / "archive"), "zip", covid)


def test_an_archive_gives_the_same_cases_as_its_folder(covid, zipped, settings, tmp_path):
    raw = tmp_path / "raw"
    acquire.main(dataset("covid_qu_ex", {"archive": zipped}), 1, raw / "covid_qu_ex-1")
    acquire.main(
        dataset("covid_qu_ex", {"archive": zipped, "part": "lung"}), 1, raw / "covid_qu_ex-2"
    )
    unpacked = index_cases(raw / "covid_qu_ex-1" / "data", dataset("covid_qu_ex", settings))
    original = index_cases(covid, dataset("covid_qu_ex", settings))
    assert unpacked[:-1] == original[:-1]
    for name in ("cases", "splits", "hashes", "thumbnails"):
        np.testing.assert_array_equal(getattr(unpacked.looks, name), getattr(original.looks, name))
    # Both parts use one unpacked copy, which is kept when Snakemake deletes the output.
    one, two = ((raw / name / "data").resolve() for name in ("covid_qu_ex-1", "covid_qu_ex-2"))
    assert one == two
    assert one.parent == (raw / ".unpacked").resolve()
    manifest = (raw / "covid_qu_ex-2" / "manifest.json").read_text()
    assert '"test/COVID-19": 3' in manifest


def test_an_archive_of_something_else_is_named(settings, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as out:
        out.writestr("readme.txt", "no images")
    with pytest.raises(InputError, match="no folder 'Infection Segmentation Data' with Train"):
        acquire.main(
            dataset("covid_qu_ex", {"archive": str(tmp_path / "other.zip")}), 1, tmp_path / "raw"
        )


def test_a_download_is_linked(covid, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(kaggle, "download", lambda name: asked.append(name) or covid)
    where = {"download": "kaggle", "kaggle_dataset": "owner/name"}
    acquire.main(dataset("covid_qu_ex", where), 1, tmp_path / "raw" / "x")
    assert asked == ["owner/name"]
    assert (tmp_path / "raw" / "x" / "data").resolve() == covid.resolve()


def test_a_moved_project_reads_its_own_images(covid, zipped, tmp_path):
    """The former place may be gone, or its images may have changed since."""
    before, now = tmp_path / "before", tmp_path / "now"
    before.mkdir()
    covid.rename(before / "data")
    raw = "results/raw/covid_qu_ex"
    for name, key in {"1": {"root": str(before / "data")}, "2": {"archive": zipped}}.items():
        acquire.main(dataset("covid_qu_ex", key), 1, before / f"{raw}-{name}")
    shutil.copytree(before, now, symlinks=True)
    times = [(now / f"{raw}-1" / name).lstat().st_mtime_ns for name in (".", "data")]
    correct_link(now / f"{raw}-1" / "data", now / "data")
    assert (now / f"{raw}-1" / "data").resolve() == (now / "data").resolve()
    assert [(now / f"{raw}-1" / name).lstat().st_mtime_ns for name in (".", "data")] == times
    unpacked = (now / f"{raw}-2" / "data").resolve()
    assert unpacked.is_relative_to((now / "results/raw/.unpacked").resolve())
    assert unpacked.is_dir()


def test_links_of_other_kinds_stay(covid, zipped, tmp_path):
    acquire.main(dataset("covid_qu_ex", {"archive": zipped}), 1, tmp_path / "raw" / "x")
    data = tmp_path / "raw" / "x" / "data"
    before = data.resolve()
    for root in (None, Path(zipped), tmp_path / "absent"):
        correct_link(data, root)
    assert data.resolve() == before
    (tmp_path / "made" / "data").mkdir(parents=True)
    correct_link(tmp_path / "made" / "data", covid)
    assert not (tmp_path / "made" / "data").is_symlink()


def test_the_lung_part_is_indexed_without_annotated_classes(covid, settings):
    make_covid_layout(covid, per_class=3, part="lung")
    lung = {**settings, "part": "lung", "annotated_classes": []}
    cases, quarantine, classes, *_ = index_cases(covid, dataset("covid_qu_ex", lung))
    assert len(cases) == 27
    assert quarantine == []
    assert classes["classes"] == ["COVID-19", "Non-COVID", "Normal"]
    assert classes["annotated"] == []


def test_a_changed_archive_is_noticed(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK1")
    before = listing_digest(path)
    listing_digest.cache_clear()
    assert listing_digest(path) == before
    path.write_bytes(b"PK12")
    listing_digest.cache_clear()
    assert listing_digest(path) != before


def loaded(tmp_path, **keys):
    dataset = {"source": "covid_qu_ex", "annotated_classes": ["COVID-19"], **keys}
    config = {
        "data_root": str(tmp_path),
        "datasets": {"x": dataset},
        "classifiers": {"resnet18": {"architecture": "resnet18"}},
        "explainers": {"gradcam": {"method": "gradcam"}},
    }
    return config_settings.load(config)


def load(tmp_path, **keys):
    return loaded(tmp_path, **keys).model_dump()["datasets"]["x"]


@pytest.mark.parametrize("key", ["root", "archive", "download"])
def test_a_job_gets_the_one_key_that_says_where_the_files_are(
    covid, zipped, tmp_path, monkeypatch, key
):
    monkeypatch.setattr(kaggle, "download", lambda name: covid)
    value = {"root": str(covid), "archive": zipped, "download": "kaggle"}[key]
    given = JobSettings(Study(loaded(tmp_path, **{key: value}))).acquisition("x")
    acquire.main(Dataset.of_job(given), 1, tmp_path / "raw" / "x")
    assert (tmp_path / "raw" / "x" / "manifest.json").is_file()


def test_one_place_for_the_files_is_accepted(tmp_path):
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path)
    assert load(tmp_path, root=".")["archive"] is None
    assert load(tmp_path, archive="a.zip")["part"] == "infection"
    assert load(tmp_path, download="kaggle")["kaggle_dataset"] == "anasmohammedtahir/covidqu"
    lung = load(tmp_path, root=".", part="lung", annotated_classes=[])
    assert lung["near_duplicates"] == "report"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {},
            r"'datasets\.x': the setting for the location of the files is missing.*Set one of root",
        ),
        ({"root": ".", "download": "kaggle"}, "root and download are set together"),
        ({"archive": "none.zip"}, r"'datasets\.x\.archive': the file .*none.zip' does not exist"),
        ({"archive": "page.zip"}, r"page.zip' is not a zip archive.*missing login"),
        ({"root": "page.zip"}, r"'datasets\.x\.root': .*is a zip archive.*Set archive:"),
        ({"download": "kagle"}, r"'datasets\.x\.download'.*Did you mean 'kaggle'"),
        ({"download": "kaggle", "kaggle_dataset": "x"}, r"'datasets\.x\.kaggle_dataset'"),
        ({"root": ".", "part": "lung"}, r"annotated_classes': part lung has no.*classes: \[\]"),
        ({"root": ".", "annotated_classes": []}, "annotated_classes': is empty"),
    ],
)
def test_bad_places_are_named_when_the_config_is_read(tmp_path, keys, said):
    (tmp_path / "page.zip").write_text("<html>")
    with pytest.raises(InputError, match=said):
        load(tmp_path, **keys)
