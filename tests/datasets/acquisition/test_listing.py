"""A data set is acquired again only if a file changes that its source reads."""

import logging
import os
import shutil

import pytest

from fidelity.datasets.acquisition import listing
from fidelity.maps import imported_paths
from fidelity.settings.explainers import Imported
from tests.helpers import chexpert_data
from tests.helpers.entries import dataset
from tests.helpers.small_data import CLASSES, make_covid_layout, write_image

COVID = {"source": "covid_qu_ex", "annotated_classes": [CLASSES[0]]}
IMAGE = f"Infection Segmentation Data/Test/{CLASSES[0]}/images/test {CLASSES[0]} (0).png"
CHEXPERT = {
    "source": "chexlocalize", "annotated_classes": ["Edema"], "references": "segmentations",
    "human_benchmark": {"points": "points.json", "segmentations": None},
}  # fmt: skip
TABLE = {"source": "table", "table": "cases.csv", "annotated_classes": ["opacity"]}


def covid(root):
    make_covid_layout(root, per_class=1)
    (root / "patients.csv").write_text(
        "case,patient\n" + "".join(f"{p.stem},p\n" for p in root.rglob("images/*.png"))
    )
    mask = IMAGE.replace("/images/", "/infection masks/")
    return COVID, [IMAGE, mask, "patients.csv"], IMAGE.replace("(0)", "(1)")


def chexpert(root):
    chexpert_data.write_chexpert(root, {"train": 2, "valid": 8, "test": 2})
    (root / "points.json").write_text("{}")
    image = "CheXpert-v1.0/test/patient00011/study1/view1_frontal.jpg"
    assert (root / image).is_file()
    read = [image, "CheXpert-v1.0/valid.csv", "gt_segmentations_test.json", "points.json"]
    return CHEXPERT, read, None


def table(root):
    write_image(root / "a.png", chexpert_data.disc("Edema").astype("uint8"))
    write_image(root / "m.png", chexpert_data.disc("Edema").astype("uint8"))
    rows = "a,test,opacity,a.png,m.png\nb,test,clear,not there yet.png,\n"
    (root / "cases.csv").write_text("case,split,label,image,mask:opacity\n" + rows)
    return TABLE, ["a.png", "m.png", "cases.csv"], "not there yet.png"


def digest(root, settings):
    listing._digests.clear()
    listing.listing_digest.cache_clear()
    return listing.source_digest(root, dataset("table", settings))


def litter(root, image):
    """Add other files that are often on people's disks."""
    for folder in (root, (root / image).parent):
        (folder / ".DS_Store").write_bytes(b"x")
        (folder / "notes.txt").write_text("x")
        (folder / "Thumbs.db").write_bytes(b"x")
    (root / "old").mkdir()
    shutil.copy(root / image, root / "old" / "image.png")


@pytest.mark.parametrize("make", [covid, chexpert, table])
def test_only_files_that_the_source_reads_count(tmp_path, make, caplog):
    settings, read, added = make(tmp_path)
    caplog.set_level(logging.WARNING)
    before = digest(tmp_path, settings)
    litter(tmp_path, read[0])
    assert digest(tmp_path, settings) == before
    seen = [before]
    for name in read:
        os.utime(tmp_path / name, (1, 1))
        seen.append(digest(tmp_path, settings))
    if added:
        shutil.copy(tmp_path / read[0], tmp_path / added)
        if make is covid:
            with (tmp_path / "patients.csv").open("a") as handle:
                handle.write(f"{(tmp_path / added).stem},p\n")
        seen.append(digest(tmp_path, settings))
    (tmp_path / read[0]).unlink()
    seen.append(digest(tmp_path, settings))
    assert len(set(seen)) == len(seen)
    assert not caplog.records  # planning raises no warning; the job that reads the files does


def test_where_a_source_cannot_list_its_files_any_change_counts(tmp_path):
    before = digest(tmp_path, COVID)
    covid(tmp_path)
    later = digest(tmp_path, COVID)
    (tmp_path / "patients.csv").write_text("no such column\n")
    broken = digest(tmp_path, COVID)
    (tmp_path / "notes.txt").write_text("x")
    assert len({before, later, broken, digest(tmp_path, COVID)}) == 4


def test_of_imported_maps_those_that_fit_the_pattern_count(tmp_path):
    entry = Imported(folder=str(tmp_path), pattern="{class}/{case}[1].npy")
    (tmp_path / "Edema").mkdir()
    (tmp_path / "Edema/a[1].npy").write_bytes(b"x")

    def maps():
        listing.listing_digest.cache_clear()
        return listing.listing_digest(imported_paths.root_of(entry), imported_paths.any_map(entry))

    before = maps()
    (tmp_path / "Edema/.DS_Store").write_bytes(b"x")
    (tmp_path / "Edema/notes.txt").write_bytes(b"x")
    assert maps() == before
    (tmp_path / "Edema/b[1].npy").write_bytes(b"x")
    assert maps() != before


def test_imported_maps_may_be_in_a_folder_that_data_sets_pass_over(tmp_path):
    """Data roots are listed without a folder `results`; a pattern may name one."""
    entry = Imported(folder=str(tmp_path), pattern="results/{case}.npy")
    path = tmp_path / "results" / "a.npy"
    path.parent.mkdir()
    path.write_bytes(b"1")
    before = listing.listing_digest(tmp_path, imported_paths.any_map(entry))
    listing.listing_digest.cache_clear()
    path.write_bytes(b"22")
    assert listing.listing_digest(tmp_path, imported_paths.any_map(entry)) != before


def test_a_name_that_is_no_text_is_listed(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.npy")).write_bytes(b"x")
    assert len(listing.listing_digest(tmp_path, "*.npy")) == 16
