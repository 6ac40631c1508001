"""The data sets: one model for each source.

Import `Dataset` from here, because it knows only the sources whose models are loaded.
"""

import re
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le
from pydantic import MISSING, Field, field_validator, model_validator

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.sources.chestx_det import chestx_det
from fidelity.datasets.sources.chexpert.observation_names import (
    ALIASES,
    OBSERVATIONS,
    PATHOLOGIES,
    canonical,
)
from fidelity.datasets.sources.ms_cxr import ms_cxr
from fidelity.datasets.sources.nih import nih
from fidelity.datasets.sources.vindr import vindr
from fidelity.settings.closed_model import (
    Integer,
    Natural,
    NonNegative,
    Section,
    Share,
    Unique,
    written_as,
)
from fidelity.settings.dataset_keys import Dataset, LungMasks, is_empty

PHANTOM_CLASSES = ["COVID-19", "Non-COVID", "Normal"]
CaseCount = Annotated[Integer, Ge(3)]


class Cases(Section):
    """Images per split: a third each of COVID-19 and Non-COVID (both with lesions), and Normal."""

    train: CaseCount = 480
    """Training images."""
    val: CaseCount = 30
    """Validation images."""
    test: CaseCount = 60
    """Test images."""


class Shortcut(Section):
    """A mark outside the lungs, in images of one class: a known wrong reason for this class."""

    class_: str | None = Field(None, alias="class")
    """Class whose images carry the mark; null = no mark."""
    probability: Share = 0
    """Share of that class's images that carry it."""
    distractor: Share = 0
    """Share of the other classes' images that carry it."""


class Phantom(Dataset):
    """Generated chest radiographs."""

    source: Literal["phantom"] = "phantom"
    near_duplicates: Literal["report", "exclude", "off", False] = "off"
    """As for other sources, but off by default: generated chests look similar and are not copies.
    """
    cases: Cases = Field(default_factory=Cases)
    size: Annotated[Integer, Ge(64), Le(1024)] = 256
    """Side in pixels of the generated images."""
    contrast: NonNegative = 1.0
    """Contrast of the lesions; 0 = invisible lesions, which still have masks."""
    second_reader: bool = False
    """Also write the masks of a simulated second reader, for the explainer `second_reader`."""
    simulated_readers: Annotated[Integer, Ge(0), Le(9), Field(exclude_if=is_empty)] = 0
    """Number of simulated readers, named r1, r2, …. Each draws other borders, misses lesions and
    adds false ones. Their masks replace the true masks."""
    clinical: bool = False
    """Also write files for the keys `lungs` (CheXmask.csv: lung and heart masks, some of low
    quality) and `records` (records.csv: view, sex and age)."""
    shortcut: Shortcut = Field(default_factory=Shortcut)

    @model_validator(mode="after")
    def _knows_its_classes(self) -> "Phantom":
        named = [("annotated_classes", name) for name in self.annotated_classes]
        named += [("labels", name) for name in self.labels]
        named += [("shortcut.class", self.shortcut.class_)]
        for field, name in named:
            if name is not None and name not in PHANTOM_CLASSES:
                raise InputError(
                    f"the phantom has no class {name!r}",
                    field=field,
                    remedy=suggestion(name, PHANTOM_CLASSES, "Its classes"),
                )
        return self

    def model_classes(self) -> set[str]:
        """Return the classifier's classes."""
        if self.planted is not MISSING:
            return super().model_classes()
        return {name for cls in PHANTOM_CLASSES if (name := self.labels.get(cls, cls)) is not None}


class CovidQuEx(Dataset):
    """COVID-QU-Ex in its own folder layout; set one of root, archive and download."""

    source: Literal["covid_qu_ex"] = "covid_qu_ex"
    root: str | None = None
    """Folder that holds "Infection Segmentation Data" (for `part: lung`: "Lung Segmentation Data"),
    relative to data_root. Set one of `root`, `archive` and `download`."""
    archive: str | None = None
    """The zip file from Kaggle's page, relative to data_root. It is unpacked once, below
    results/raw."""
    download: Literal[False, "kaggle"] = False
    """`kaggle` = download with Kaggle's client. It finds your credentials itself (never write them
    into a config) and resumes a broken download."""
    kaggle_dataset: Annotated[
        str,
        written_as(
            r"^[A-Za-z0-9_-]+/[A-Za-z0-9_-]+(/versions/[0-9]+)?$",
            "text such as owner/name or owner/name/versions/2",
        ),
    ] = "anasmohammedtahir/covidqu"
    """Name at Kaggle, `owner/name`, with `/versions/<number>` to pin a version."""
    part: Literal["infection", "lung"] = "infection"
    """`infection` = the folder of 5,826 images with infection masks (5,825 with
    `duplicates: exclude`: one training image is also a test image); `lung` = the folder of all
    33,920 images, which has only lung masks (annotated_classes: [])."""

    @property
    def has_reference_masks(self) -> bool:
        """Whether the source has reference masks, so that its classes can be annotated."""
        return self.part == "infection"

    @model_validator(mode="after")
    def _says_once_where_its_files_are(self) -> "CovidQuEx":
        given = [name for name in ("root", "archive", "download") if getattr(self, name)]
        if len(given) != 1:
            several = " and ".join(given)
            raise InputError(
                f"{several} are set together"
                if given
                else "the setting for the location of the files is missing",
                remedy="Set one of root: <folder>, archive: <.zip file> and download: kaggle",
            )
        return self


class Table(Dataset):
    """Any images listed in a CSV file."""

    source: Literal["table"] = "table"
    root: str
    """Folder that the paths in the table are relative to. The folder itself is relative to
    data_root."""
    task: Literal[None, "multilabel"] = None
    """`multilabel` = an image may have several classes, or none (a blank label). With null, data
    are multi-label if labels are joined by a vertical bar; a blank label is an error."""
    table: str
    """CSV file (also as Excel saves it), relative to root. Columns: case, image, split, label.
    Optional columns: patient, lung_mask, mask:<class>, second_mask:<class>, mask@<reader>:<class>,
    boxes:<class>, boxes@<reader>:<class>, spacing_row, spacing_column."""
    boxes: str | None = None
    """CSV file with a row for each box, relative to root. Columns: case, class, and x0, y0, x1, y1
    or x, y, width, height in pixels; optional: reader. null = no such file (boxes may also be cells
    of the table)."""

    @property
    def has_boxes(self) -> bool:
        """Whether the config names a file of boxes; cells of the table are read only later."""
        return self.boxes is not None


class Tables(Section):
    """CSV files of labels, relative to root; null = found by name (train.csv, valid.csv,
    test_labels.csv and similar names)."""

    train: str | None = None
    """Labels of the training split."""
    val: str | None = None
    """Labels of the validation split."""
    test: str | None = None
    """Labels of the test split."""


class HumanBenchmark(Section):
    """Files of other radiologists on the test split, relative to root; null = not available."""

    segmentations: str | None = None
    """Their masks, as JSON like those of `references`; for the explainer `second_reader`."""
    points: str | None = None
    """Their most representative points, as JSON {image: {class: [[x, y], …]}}; for
    tables/human_benchmark.csv."""


class Chexlocalize(Dataset):
    """CheXpert with CheXlocalize's reference masks."""

    has_training_references: ClassVar[bool] = False
    source: Literal["chexlocalize"] = "chexlocalize"
    root: str
    """Folder that contains the folders of CheXpert and CheXlocalize (at most three levels down),
    relative to data_root."""
    lung_masks: Literal["none", "chexmask", "predicted"] = "none"
    """CheXpert has no lung masks of its own."""
    views: Literal["frontal", "lateral", "all"] = "frontal"
    """Views that are used, by the column Frontal/Lateral, or else by the file's name."""
    uncertain: Literal["ignore", "zeros", "ones", "multi-class"] = "ignore"
    """How an uncertain label (-1) is read. `ignore` = left out of loss and metrics; `zeros` =
    absent; `ones` = present; `multi-class` = a third state of each finding in training. Blank
    labels count as absent."""
    references: Literal["segmentations", "annotations"] = "segmentations"
    """Files of the reference masks: `segmentations` = gt_segmentations_*.json (masks as run
    lengths); `annotations` = gt_annotations_*.json (polygons)."""
    tables: Tables = Field(default_factory=Tables)
    human_benchmark: HumanBenchmark = Field(default_factory=HumanBenchmark)

    @field_validator("annotated_classes")
    @classmethod
    def _has_masks(cls, names: list[str]) -> list[str]:
        """Convert names to the form used here ("Airspace Opacity"); refuse those without masks."""
        names = [cls._known(name, PATHOLOGIES) for name in names]
        if len(set(names)) < len(names):
            raise InputError(
                f"{' and '.join(next(iter(ALIASES.items())))} are the same class",
                remedy="Name it once",
            )
        return names

    @field_validator("labels")
    @classmethod
    def _are_observations(cls, labels: dict[str, str | None]) -> dict[str, str | None]:
        return {cls._known(name, OBSERVATIONS): to for name, to in labels.items()}

    @staticmethod
    def _known(name: str, known: tuple[str, ...]) -> str:
        if canonical(name) not in known:
            raise InputError(
                f"CheXlocalize has no masks of {name!r}"
                if canonical(name) in OBSERVATIONS
                else f"CheXpert has no observation {name!r}",
                remedy=suggestion(name, [*known, *ALIASES]),
            )
        return canonical(name)


class Published(Dataset):
    """Keys that data sets with annotation files of their own share."""

    # Classes for which the source has references (empty: any class), and synonyms of their names.
    classes: ClassVar[tuple[str, ...]] = ()
    synonyms: ClassVar[dict[str, str]] = {}
    has_boxes: ClassVar[bool] = True
    root: str
    """Folder that contains the images and annotation files, at any depth, under their original
    names. It is relative to data_root."""
    lung_masks: LungMasks = "none"
    """Lung masks: none, those of `lungs` (`chexmask`), or predicted."""
    split_seed: Natural = 1
    """Seed of the splits that the source does not fix. They are drawn at random by patient, or by
    image if patients are unknown; cases.csv records them."""

    @field_validator("annotated_classes")
    @classmethod
    def _has_references(cls, names: list[str]) -> list[str]:
        """Convert names to the source's form; refuse classes without references."""
        names = [cls._known(name) for name in names]
        if len(set(names)) < len(names):
            raise InputError("a class is listed twice", remedy="Name it once")
        return names

    @classmethod
    def _known(cls, name: str) -> str:
        if not cls.classes:
            return name
        known = {one.casefold(): one for one in cls.classes}
        known |= {one.casefold(): to for one, to in cls.synonyms.items()}
        if name.casefold() not in known:
            raise InputError(
                f"the source has no reference masks or boxes of {name!r}",
                remedy=suggestion(name, cls.classes, "Its classes"),
            )
        return known[name.casefold()]


class WithLungs(Published):
    """Data sets that CheXmask has lung masks of."""

    @model_validator(mode="after")
    def _names_lungs(self) -> "WithLungs":
        if self.lung_masks == "provided" and self.lungs is None:
            raise InputError(
                "provided needs a file of lung masks",
                field="lung_masks",
                remedy="Set lungs: <CheXmask's CSV file>, or lung_masks: none",
            )
        return self


class Nih(WithLungs):
    """NIH ChestX-ray14 with its boxes of eight findings."""

    classes: ClassVar = nih.BOXED
    synonyms: ClassVar = nih.SYNONYMS
    has_training_references: ClassVar[bool] = False
    source: Literal["nih"] = "nih"
    boxes: str | None = None
    """List of boxes, relative to root; null = BBox_List_2017.csv, found by its name."""
    entries: str | None = None
    """Table of labels, relative to root; null = Data_Entry_2017_v2020.csv or Data_Entry_2017.csv,
    found by its name."""
    views: Literal["all", "PA", "AP"] = "all"
    """Views that are used: `PA` = posteroanterior, `AP` = anteroposterior."""


class Rsna(Published):
    """RSNA Pneumonia Detection Challenge 2018, stage 2."""

    classes: ClassVar = ("Pneumonia",)
    synonyms: ClassVar = {"Lung Opacity": "Pneumonia"}
    source: Literal["rsna"] = "rsna"
    table: str | None = None
    """Table of labels, relative to root; null = stage_2_train_labels.csv, found by its name."""
    mapping: str | None = None
    """File that names the NIH patient of each image, relative to root; null =
    pneumonia-challenge-dataset-mappings_2018.json, found by its name. Without this file, the unit
    of analysis is the image."""


class Siim(Published):
    """SIIM-ACR Pneumothorax Segmentation."""

    classes: ClassVar = ("Pneumothorax",)
    has_boxes: ClassVar = False
    source: Literal["siim"] = "siim"
    table: str | None = None
    """Table of run lengths, relative to root; null = stage_2_train.csv or train-rle.csv, found by
    its name."""


class Vindr(WithLungs):
    """VinDr-CXR of PhysioNet, or its training part of Kaggle (VinBigData)."""

    classes: ClassVar = vindr.CLASSES
    source: Literal["vindr"] = "vindr"
    readers: (
        Literal["all", "majority"] | Annotated[str, written_as(r"^R[0-9]+$", "a reader such as R9")]
    ) = "all"
    """Replaces the mapping `readers` above: whose boxes count. `all` = every box of every reader.
    `majority` = findings that more than half of an image's readers drew; the positions of the
    boxes' edges are averaged. A reader's name, such as R9 = this reader's boxes, on the images that
    this reader read. The labels of an image are those of the boxes that count. If `reference` is
    set, it chooses the scored boxes, and `readers` decides only the labels."""


class ChestxDet(Published):
    """ChestX-Det or ChestX-Det10: polygons and boxes."""

    classes: ClassVar = chestx_det.CLASSES
    source: Literal["chestx_det"] = "chestx_det"


class Tbx11k(Published):
    """TBX11K, tuberculosis."""

    classes: ClassVar = ("ActiveTuberculosis", "ObsoletePulmonaryTuberculosis")
    source: Literal["tbx11k"] = "tbx11k"


class MsCxr(WithLungs):
    """MS-CXR, boxes of phrases on MIMIC-CXR-JPG."""

    classes: ClassVar = ms_cxr.CLASSES
    has_training_references: ClassVar[bool] = False
    source: Literal["ms_cxr"] = "ms_cxr"
    table: str | None = None
    """Table of boxes, relative to root; null = MS_CXR_Local_Alignment_v1.1.0.csv or v1.0.0, found
    by its name."""


class PadchestGr(WithLungs):
    """PadChest-GR, boxes of report sentences."""

    source: Literal["padchest_gr"] = "padchest_gr"
    readers: Literal["first", "all"] = "first"
    """Replaces the mapping `readers` above: whose boxes count. `first` = those under `boxes` in the
    file; `all` = also those of a second reader, under `extra_boxes`."""


class Qata(Published):
    """QaTa-COV19-v2, masks of COVID-19 infection."""

    classes: ClassVar = ("COVID-19",)
    has_boxes: ClassVar = False
    source: Literal["qata"] = "qata"


class Jsrt(Published):
    """JSRT, lung nodules as discs."""

    classes: ClassVar = ("Nodule",)
    has_boxes: ClassVar = False
    source: Literal["jsrt"] = "jsrt"


class Container(Published):
    """Keys of the annotation formats that any data set may have."""

    patient: str | None = None
    """Regular expression for the file names of images; its first group is the patient. null = each
    image counts as one patient."""

    @field_validator("patient")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        try:
            groups = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise InputError(
                f"is not a regular expression ({error})", remedy="Write for example '^([0-9]+)_'"
            ) from error
        if not groups:
            raise InputError(
                "has no group", remedy="Put parentheses around the part that is the patient"
            )
        return pattern


class AnnotationFiles(Section):
    """Annotation files of the splits, relative to root; null = the split is not in a file of its
    own."""

    train: str | None = None
    """File of the training split."""
    val: str | None = None
    """File of the validation split."""
    test: str | None = None
    """File of the test split."""


class Coco(Container):
    """Images with boxes, polygons or run lengths in COCO's JSON."""

    source: Literal["coco"] = "coco"
    annotations: str | None = None
    """One JSON file for all images, relative to root; splits are then drawn at random."""
    tables: AnnotationFiles = Field(default_factory=AnnotationFiles)
    """A JSON file for each split."""

    @model_validator(mode="after")
    def _names_its_files(self) -> "Coco":
        by_split = any(name for _, name in self.tables)
        if by_split == (self.annotations is not None):
            raise InputError(
                "one of annotations and tables is needed, not both",
                field="annotations",
                remedy="Set annotations: <file>, or tables: {train: …, val: …, test: …}",
            )
        return self


class Yolo(Container):
    """Images with boxes in YOLO's text files."""

    source: Literal["yolo"] = "yolo"
    names: Unique[str] | None = None
    """Names of the classes, in the order of their numbers; null = those of data.yaml, classes.txt
    or obj.names, found by name."""


class Voc(Container):
    """Images with boxes in Pascal VOC's XML files, or shapes in CVAT's."""

    source: Literal["voc"] = "voc"


def own_keys(source: str) -> set[str]:
    """Return the config keys that a source has in addition to the common keys of data sets."""
    # A source may redefine a common key with its own default; it stays a common key.
    return set(Dataset.kinds()[source].key_names()) - set(Dataset.key_names())
