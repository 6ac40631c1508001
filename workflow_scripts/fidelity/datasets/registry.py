"""The data-set sources by name. Nothing heavy is imported until a source is used."""

import importlib
from types import ModuleType

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion

# Source → module that offers `find_cases` and `tables`. The phantom is written in the layout of
# COVID-QU-Ex and read by the same code as the real data.
READERS = {
    "phantom": "fidelity.datasets.sources.covid_qu_ex.covid_qu_ex",
    "covid_qu_ex": "fidelity.datasets.sources.covid_qu_ex.covid_qu_ex",
    "table": "fidelity.datasets.sources.table.table",
    "chexlocalize": "fidelity.datasets.sources.chexpert.chexlocalize",
    "nih": "fidelity.datasets.sources.nih.nih",
    "rsna": "fidelity.datasets.sources.rsna.rsna",
    "siim": "fidelity.datasets.sources.siim.siim",
    "vindr": "fidelity.datasets.sources.vindr.vindr",
    "chestx_det": "fidelity.datasets.sources.chestx_det.chestx_det",
    "tbx11k": "fidelity.datasets.sources.tbx11k.tbx11k",
    "ms_cxr": "fidelity.datasets.sources.ms_cxr.ms_cxr",
    "padchest_gr": "fidelity.datasets.sources.padchest_gr.padchest_gr",
    "qata": "fidelity.datasets.sources.qata.qata",
    "jsrt": "fidelity.datasets.sources.jsrt.jsrt",
    "coco": "fidelity.datasets.sources.containers.coco",
    "yolo": "fidelity.datasets.sources.containers.yolo",
    "voc": "fidelity.datasets.sources.containers.voc",
}
# Source → its name, if it is one data set.
TITLES = {"covid_qu_ex": "COVID-QU-Ex", "chexlocalize": "CheXlocalize"}
# Source → module that offers `generate(root, settings, seed)`, for sources that are generated.
GENERATORS = {"phantom": "fidelity.datasets.sources.phantom.phantom"}


def reader(source: str) -> ModuleType:
    """Import the module that finds the cases of a source.

    Returns:
        A module with

        - `find_cases(root: Path, settings: Dataset) -> Iterator[Case]`, which raises InputError if
          a file is missing, or cannot be understood;

        and, if it differs from the default,

        - `same_size = True`: image and masks are declared to be of equal size. Otherwise a mask may
          have another resolution than its image, if the aspect ratio agrees;
        - `tables(root, settings) -> list[Path | None]`: the files that it reads in addition to
          images and masks; None for an optional file that is missing;
        - `native_is_mask = True`: masks may be larger than the image, and are scored at their own
          size;
        - `multilabel = True`: the data set is multi-label, whatever the labels are;
        - `masks_follow_labels = False`: a case of an annotated class may lack a mask, and one
          without the label may have it;
        - `partly_annotated = True`: most images with a label have no reference by design. They are
          counted, and are not a fault;
        - `lungs_may_lack = True`: some images have no lung mask;
        - `known_classes`: names that the source itself checks. A class of the config that no image
          has is then left out; for other sources it is an error.

    Raises:
        InputError: no source has that name.
    """
    if source not in READERS:
        raise InputError(
            f"unknown data-set source {source!r}",
            field="source",
            remedy=suggestion(source, READERS),
        )
    return importlib.import_module(READERS[source])


def generator(source: str) -> ModuleType | None:
    """Import the module that generates the data of a source; None if its data are in a folder."""
    return importlib.import_module(GENERATORS[source]) if source in GENERATORS else None
