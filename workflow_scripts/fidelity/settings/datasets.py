"""The data sets: keys of every source, and one model for each source."""

import re
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le
from pydantic import MISSING, Field, field_validator, model_validator

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.label_names import is_reserved, reserved_error
from fidelity.datasets.mask_files.mask_values import BACKGROUND, FOREGROUND, LUNG
from fidelity.datasets.pixel_spacing import REMEDY, is_plausible
from fidelity.datasets.readers.names import check_reader
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
    Colour,
    Count,
    Entry,
    Integer,
    Key,
    Natural,
    NonNegative,
    Number,
    Positive,
    PositiveShare,
    Section,
    Share,
    Title,
    Unique,
)

# Classes of a data set with a planted mark.
MARKED, UNMARKED = "marked", "unmarked"
# Facts of an image, then of its references.
Stratum = Literal["view", "sex", "age_group", "label_source", "lesion_count", "side"]
LungMasks = Literal["provided", "chexmask", "predicted", "none"]
PHANTOM_CLASSES = ["COVID-19", "Non-COVID", "Normal"]
Red = Annotated[Integer, Ge(0), Le(255)]
MaskValue = NonNegative | Colour | Annotated[list[Red], Field(min_length=3, max_length=3)]
ShardCount = Annotated[Integer, Ge(1), Le(999)]
CaseCount = Annotated[Integer, Ge(3)]


def _is_empty(value: object) -> bool:
    """Keep a key that is not set out of the params of jobs: results of other studies stay valid."""
    return not value


class Shards(Section):
    """Shards per split. A shard is a group of cases that one job of `prepare`, or one job of an
    explainer, processes. In a small study, shards of about 64 cases keep all cores busy. With
    tens of thousands of cases, Snakemake plans twice as fast with 512 cases per shard as with 256.
    """

    train: ShardCount = 4
    """Shards of the training split."""
    val: ShardCount = 1
    """Shards of the validation split."""
    test: ShardCount = 2
    """Shards of the test split."""


class Planted(Section):
    """A mark that half of the images get, by the hash of their ids. The classes are then `marked`
    and `unmarked`, whatever the images show: a known truth on real images, for `known_truth`.
    The lesions stay, and are a known wrong reason."""

    kind: Literal["mark", "texture"] = "mark"
    """`mark` = a small bright label at the side, outside of the lungs if there is room. `texture` =
    faint stripes in a disc inside the lungs, which needs lung masks."""
    strength: PositiveShare = 0.08
    """Height of the stripes of a texture, as a share of the range from black to white."""


class Dataset(Entry):
    """A data set; its further keys depend on its source."""

    chosen_by: ClassVar[str] = "source"
    entry_name: ClassVar[str] = "dataset"
    # Whether its references are boxes, or have them beside masks.
    has_boxes: ClassVar[bool] = False
    # Whether its training split has any.
    has_training_references: ClassVar[bool] = True
    source: str
    """Where the images come from."""
    title: Title = None
    """Name in figures, tables and pages; null = the name of the source (COVID-QU-Ex, CheXlocalize),
    else the key."""
    input: Literal["full", "lung_masked", "lung_crop"] = "full"
    """What the classifier sees: the full image, the image times the lung mask, or the lung's
    bounding box."""
    image_size: Annotated[Integer, Ge(16), Le(2048)] | None = None
    """Side in pixels of the classifier's input. `null` = the only size that the weights file allows
    (vision transformers), or the size of its training in this project; else 224."""
    scoring_size: Literal["original", "working"] = "original"
    """Size at which masks are compared: that of the original image or of the classifier's input."""
    annotated_classes: Unique[str]
    """Classes (of the source) whose reference masks are scored. Only this list decides which
    classes are scored; whether masks are empty does not matter. The list may be empty only if the
    data set has no such masks (`part: lung`)."""
    labels: dict[str, str | None] = {}
    """Map from source class to classifier class. null leaves a class out: its images or, if images
    have several labels, its label. Labels that differ only in case, spaces or hyphens must be
    merged here.
    """
    pixel_spacing: (
        None | Positive | Annotated[list[Positive], Field(min_length=2, max_length=2)]
    ) = None
    """Millimetres per pixel of the original images: a number or [row, column]; null = unknown. A
    table's columns spacing_row and spacing_column, and DICOM headers, take precedence."""
    lung_masks: LungMasks = "provided"
    """Where lung masks come from. `predicted` = a small U-Net, trained on the lung masks of another
    data set (`lung_from`, `lung_model`). `chexmask` = those of CheXmask's file `lungs`, and its
    heart masks."""
    lungs: str | None = None
    """CheXmask's CSV file of the data set, relative to root. `lung_masks: chexmask` reads its lungs
    and hearts, `provided` only its lungs."""
    lung_quality: Share = 0.7
    """Lowest estimated quality (Dice RCA, mean) of the masks in `lungs`. Masks below it are not
    used; tables/organ_masks.csv lists them. 0 = all are used, also those without an estimate."""
    lung_from: str | None = None
    """Data set of this config whose lung masks the model of `lung_masks: predicted` is trained on.
    """
    intensity: Literal["full", "percentile"] = "full"
    """What becomes black and white. `full` = the ends of the range that the file declares (0 and
    255 or 65535; DICOM: the ends of its rescale and window or LUT). `percentile` = two percentiles
    of each image."""
    intensity_percentiles: Annotated[
        list[Annotated[Number, Ge(0), Le(100)]], Field(min_length=2, max_length=2)
    ] = [0.5, 99.5]
    """Percentiles that become black and white under `intensity: percentile`; [0, 100] = minimum and
    maximum."""
    intensity_bits: Annotated[Integer, Ge(8), Le(32)] | None = None
    """Bits of the grey values in PNG and TIFF files of more than 8 bits, under `intensity: full`.
    For example, 14 for a 14-bit detector in a 16-bit PNG. `null` = the bits of the file."""
    mask_values: dict[
        str, NonNegative | Colour | Annotated[Unique[MaskValue], Field(min_length=1)]
    ] = {}
    """What the values in mask image files mean. Needed only for masks that are refused as unclear.
    Keys: an annotated class, `lung`, `foreground` (masks without an entry of their own) or
    `background`. Values: a grey value, a palette index, a colour ("#ff0000" or [[255, 0,
    0]]), or a list of them. A mask with an entry may contain only listed values; black is
    background unless `background` is given."""
    duplicates: Literal["error", "exclude", "keep"] = "error"
    """What to do if one image (by its pixels) or patient is in two splits. `exclude` drops the copy
    outside the test split."""
    near_duplicates: Literal["report", "exclude", "off", False] = "report"
    """What to do about near-duplicates: images in two splits that look the same but differ in their
    pixels. `report` lists them in near_duplicates.csv; `exclude` also drops those outside the test
    split. `off` (YAML reads it as false) does not search for them."""
    near_duplicate_distance: Annotated[Integer, Ge(0), Le(24)] = 10
    """Largest number of bits, of 64, in which the perceptual hashes (phash) of near-duplicates
    differ."""
    near_duplicate_correlation: Share = 0.97
    """Smallest correlation of the 32 x 32 thumbnails of near-duplicates. Without it, hashes alone
    would match many different chest radiographs."""
    near_duplicates_of: Unique[Key] = []
    """Other data sets of this config. Training and validation images of this data set are left out
    if they look like, or are copies of, a validation or test image there. Without this
    key, such pairs are only listed, in summary/tables/near_duplicates.csv."""
    limit: Count | None = None
    """Cases per class and split for a trial; null = all."""
    strict: bool = False
    """Stop at an unusable image or mask instead of listing it in quarantine.csv. Also stop, instead
    of warning, if the numbers of images differ from the published ones (COVID-QU-Ex)."""
    max_unusable: Share = 0.05
    """Largest share of a split that may be unusable for one cause, such as unreadable images. If
    the share is larger, and at least two cases are unusable, the study stops. 1 = it never stops.
    """
    outside_links: bool = False
    """Whether images and masks may be links that lead out of the data root. false refuses them."""
    boxes_outside: Literal["refuse", "clip"] = "refuse"
    """What to do about a reference box that leaves its image by more than rounding. `refuse` = an
    error that names its file and row; `clip` = it is cut at the border, and the log counts it."""
    empty_references: bool = True
    """Whether images that were read for a class, and show nothing of it (references `none`), are
    explained and scored. Needed for measures of false alarms."""
    boxes_from: Literal["references", "masks"] | None = None
    """Where the boxes of box scores come from. `references` = the boxes that readers drew; `masks`
    = the rectangles that bound the connected parts of each mask. null = `references` if the source
    has boxes; otherwise no box scores are computed."""
    readers: Annotated[dict[str, str], Field(exclude_if=_is_empty)] = {}
    """Masks of further readers: {name: folder}, the folders relative to root. A folder holds one
    folder per annotated class (or, with one class, the masks alone). A mask is named after its case
    or image."""
    reference: Annotated[str | None, Field(exclude_if=_is_empty)] = None
    """How several readers make one reference. `union`, `intersection` or `majority` (more than half
    of them) of what they marked; `staple` = the mask that STAPLE estimates; or the name of one
    reader (`first` = masks and boxes that name no reader). null = masks and boxes that name no
    reader. If each of them names a reader, null = the majority. If it is set, readers are compared
    with one another and with the explainers. A change recomputes scores. It recomputes maps only of
    explainers that learn from reference masks."""
    planted: Planted | MISSING = MISSING
    """A mark or texture that is added to half of the images: the classifier then has a known truth.
    Absent = images stay as they are."""
    strata: Unique[Stratum] = []
    """What cases are divided by in tables/strata.csv, the study page and the explorer. Lesion size,
    prediction and confidence are always there. `lesion_count` and `side` come from the references.
    The others come from the source's tables, from `records` or from a DICOM header. The header is
    read for them only on request."""
    records: str | None = None
    """CSV file with what is known of each image, relative to root, for `strata`. Columns: case or
    image, and any of view, sex, age (years), label_source. It takes precedence over the source's
    tables."""
    shards: Shards = Field(default_factory=Shards)

    @property
    def has_reference_masks(self) -> bool:
        """Whether a class of the source can be annotated at all."""
        return True

    @property
    def reads_lungs(self) -> bool:
        """Whether lung masks are read from files."""
        return self.lung_masks in ("provided", "chexmask")

    @model_validator(mode="after")
    def _fits_together(self) -> "Dataset":
        low, high = self.intensity_percentiles
        if low >= high:
            raise InputError(
                f"{low:g} is not below {high:g}",
                field="intensity_percentiles",
                remedy="Give the percentile of black, then that of white",
            )
        if high <= 1:
            raise InputError(
                f"[{low:g}, {high:g}] seems to be shares, and would make nearly all pixels white",
                field="intensity_percentiles",
                remedy=f"Write percentiles from 0 to 100: [{100 * low:g}, {100 * high:g}]",
            )
        default = type(self).model_fields["intensity_percentiles"].default
        if self.intensity == "full" and self.intensity_percentiles != default:
            raise InputError(
                "is read only where intensity is percentile",
                field="intensity_percentiles",
                remedy="Set intensity: percentile, or leave it out",
            )
        if self.pixel_spacing is not None and not is_plausible(
            *(self.pixel_spacing if isinstance(self.pixel_spacing, list) else [self.pixel_spacing])
        ):
            raise InputError(
                f"a pixel has no size of {self.pixel_spacing} mm",
                field="pixel_spacing",
                remedy=REMEDY,
            )
        if self.lung_from is not None and self.lung_masks != "predicted":
            raise InputError(
                f"is only read where lung_masks is predicted, not {self.lung_masks}",
                field="lung_from",
                remedy="Leave it out, or set lung_masks: predicted",
            )
        if self.lung_masks == "chexmask" and self.lungs is None:
            raise InputError(
                "chexmask needs CheXmask's file of the data set",
                field="lung_masks",
                remedy="Set lungs: <its CSV file>, or lung_masks: none",
            )
        if self.lungs is not None and not self.reads_lungs:
            raise InputError(
                f"is not read where lung_masks is {self.lung_masks}",
                field="lungs",
                remedy="Leave it out, or set lung_masks: chexmask",
            )
        if self.records is not None and not self.strata:
            raise InputError(
                "is only read for strata", field="records", remedy="Leave it out, or set strata"
            )
        if not self.has_reference_masks and self.annotated_classes:
            raise InputError(
                "part lung has no infection masks, so no class of it is annotated",
                field="annotated_classes",
                remedy="Set annotated_classes: [], or part: infection",
            )
        if self.has_reference_masks and not self.annotated_classes:
            raise InputError(
                "is empty, so nothing would be scored",
                field="annotated_classes",
                remedy="Name the classes that have reference masks",
            )
        no_lungs = self.lung_masks == "none"
        if self.planted is not MISSING and self.planted.kind == "texture" and no_lungs:
            raise InputError(
                "a texture lies in the lungs, and lung_masks is none",
                field="planted.kind",
                remedy="Use mark, or a data set with lung masks",
            )
        self._check_mask_values()
        self._check_class_names()
        for name in self.readers if isinstance(self.readers, dict) else ():
            check_reader(name, field="readers")
        return self

    def _check_mask_values(self) -> None:
        """See that values are given to masks that are read, and not to the background alone."""
        known = [*self.annotated_classes, LUNG, FOREGROUND, BACKGROUND]
        for name in self.mask_values:
            if name not in known:
                raise InputError(
                    f"{name!r} is not an annotated class",
                    field=f"mask_values.{name}",
                    remedy=suggestion(name, known),
                )
        if list(self.mask_values) == [BACKGROUND]:
            raise InputError(
                "names the background and no foreground",
                field="mask_values",
                remedy=f"Add a class, {LUNG} or {FOREGROUND}",
            )

    def _check_class_names(self) -> None:
        renamed = [name for name in self.labels.values() if name is not None]
        for field, names in (("annotated_classes", self.annotated_classes), ("labels", renamed)):
            for name in filter(is_reserved, names):
                raise reserved_error(name, field=field)
        for cls in self.annotated_classes:
            if self.labels.get(cls, cls) is None:
                raise InputError(
                    "is annotated but left out by 'labels'",
                    field=f"annotated_classes: {cls}",
                    remedy="Drop it from one of the two",
                )

    def model_classes(self) -> set[str]:
        """Name the classifier's classes that the config names."""
        if self.planted is not MISSING:
            return {MARKED, UNMARKED}
        return {self.labels.get(cls) or cls for cls in self.annotated_classes}


class Cases(Section):
    """Images per split; each class has a third of them."""

    train: CaseCount = 480
    """Training images."""
    val: CaseCount = 30
    """Validation images."""
    test: CaseCount = 60
    """Test images."""


class Shortcut(Section):
    """A planted mark outside the lungs: a known wrong reason for a class."""

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
    """As for other sources. Off by default: generated chests look similar by construction, but they
    are not copies."""
    cases: Cases = Field(default_factory=Cases)
    size: Annotated[Integer, Ge(64), Le(1024)] = 256
    """Side in pixels of the generated images."""
    contrast: NonNegative = 1.0
    """Contrast of the lesions; 0 = none."""
    second_reader: bool = False
    """Also write the masks of a simulated second reader, for the explainer `second_reader`."""
    simulated_readers: Annotated[Integer, Ge(0), Le(9), Field(exclude_if=_is_empty)] = 0
    """Number of simulated readers, r1, r2, …, each with borders, misses and additions of its own.
    The true masks are then not used."""
    clinical: bool = False
    """Also write CheXmask.csv, with masks of lungs and heart, some of low quality, and records.csv,
    with view, sex and age. They are for the keys `lungs` and `records`."""
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
        """Name the classifier's classes."""
        if self.planted is not MISSING:
            return super().model_classes()
        return {name for cls in PHANTOM_CLASSES if (name := self.labels.get(cls, cls)) is not None}


class CovidQuEx(Dataset):
    """COVID-QU-Ex in its own folder layout; set one of root, archive and download."""

    source: Literal["covid_qu_ex"] = "covid_qu_ex"
    root: str | None = None
    """Folder that holds "Infection Segmentation Data", relative to data_root."""
    archive: str | None = None
    """The zip file from Kaggle's page, relative to data_root. It is unpacked once, below
    results/raw."""
    download: Literal[False, "kaggle"] = False
    """`kaggle` = download it with Kaggle's own client. The client finds your credentials itself
    (never write them into a config) and continues a broken download."""
    kaggle_dataset: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_-]+/[A-Za-z0-9_-]+(/versions/[0-9]+)?$")
    ] = "anasmohammedtahir/covidqu"
    """Name at Kaggle, `owner/name`, with `/versions/<number>` to pin a version."""
    part: Literal["infection", "lung"] = "infection"
    """`infection` = the 5,826 images with infection masks; `lung` = all 33,920 images, which have
    only lung masks (annotated_classes: [])."""

    @property
    def has_reference_masks(self) -> bool:
        """Whether a class of the source can be annotated at all."""
        return self.part == "infection"

    @model_validator(mode="after")
    def _says_once_where_its_files_are(self) -> "CovidQuEx":
        given = [name for name in ("root", "archive", "download") if getattr(self, name)]
        if len(given) != 1:
            several = " and ".join(given)
            raise InputError(
                f"{several} are set together" if given else "does not say where its files are",
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
    """`multilabel` = an image may have several classes or, with a blank label, none. `null` =
    decided by the labels: labels joined by a vertical bar make it multi-label, and a blank label is
    an error."""
    table: str
    """CSV file (also as Excel saves it), relative to root. Columns: case, image, split, label.
    Optional columns: patient, lung_mask, mask:<class>, second_mask:<class>, mask@<reader>:<class>,
    boxes:<class>, boxes@<reader>:<class>, spacing_row, spacing_column."""
    boxes: str | None = None
    """CSV file with a row for each box, relative to root. Columns: case, class, and x0, y0, x1, y1
    or x, y, width, height in pixels; optional: reader. null = none (boxes may also be cells of the
    table)."""


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
    """Views that are used, by the column Frontal/Lateral or, without it, by the file's name."""
    uncertain: Literal["ignore", "zeros", "ones", "multi-class"] = "ignore"
    """How an uncertain label (-1) is read. `ignore` = left out of loss and metrics; `zeros` =
    absent; `ones` = present; `multi-class` = a third state of each finding in training. Blank
    labels are 0."""
    references: Literal["segmentations", "annotations"] = "segmentations"
    """Reference masks: `segmentations` (gt_segmentations_*.json, run lengths) or `annotations`
    (gt_annotations_*.json, polygons)."""
    tables: Tables = Field(default_factory=Tables)
    human_benchmark: HumanBenchmark = Field(default_factory=HumanBenchmark)

    @field_validator("annotated_classes")
    @classmethod
    def _has_masks(cls, names: list[str]) -> list[str]:
        """Bring names to the form used here ("Airspace Opacity"); refuse those without masks."""
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

    # Classes that the source can have references of, and other names of theirs; none = any.
    classes: ClassVar[tuple[str, ...]] = ()
    synonyms: ClassVar[dict[str, str]] = {}
    has_boxes: ClassVar[bool] = True
    root: str
    """Folder above the images and annotation files, as downloaded, relative to data_root."""
    lung_masks: LungMasks = "none"
    """Lung masks: none, those of `lungs` (`chexmask`), or predicted."""
    split_seed: Natural = 1
    """Seed of the random splits, for splits that the source does not fix. They are drawn by
    patient, or by image if patients are unknown; cases.csv records them."""

    @field_validator("annotated_classes")
    @classmethod
    def _has_references(cls, names: list[str]) -> list[str]:
        """Bring names to the form used here; refuse those that have no references."""
        names = [cls._known(name) for name in names]
        if len(set(names)) < len(names):
            raise InputError("one class is named twice", remedy="Name it once")
        return names

    @classmethod
    def _known(cls, name: str) -> str:
        if not cls.classes:
            return name
        known = {one.casefold(): one for one in cls.classes}
        known |= {one.casefold(): to for one, to in cls.synonyms.items()}
        if name.casefold() not in known:
            raise InputError(
                f"the source has no references of {name!r}",
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
    """Views used."""


class Rsna(Published):
    """RSNA Pneumonia Detection Challenge 2018, stage 2."""

    classes: ClassVar = ("Pneumonia",)
    synonyms: ClassVar = {"Lung Opacity": "Pneumonia"}
    source: Literal["rsna"] = "rsna"
    table: str | None = None
    """Table of labels, relative to root; null = stage_2_train_labels.csv, found by its name."""
    mapping: str | None = None
    """File that names the NIH patient of each image, relative to root; null =
    pneumonia-challenge-dataset-mappings_2018.json, found by its name. Without it, the unit of
    analysis is the image."""


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
    readers: Literal["all", "majority"] | Annotated[str, Field(pattern=r"^R[0-9]+$")] = "all"
    """Whose boxes count. `all` = every box of every reader. `majority` = boxes that more than half
    of an image's readers drew, averaged over the readers who drew them. A reader's name (R9) = the
    boxes of this reader, on the images that this reader saw."""


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
    """Whose boxes count. `first` = those in `boxes` of the file; `all` = also those in
    `extra_boxes`, of a second reader."""


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
    """Regular expression for an image's file name: its first group is the patient. null = each
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
            raise InputError("has no group", remedy="Put the patient between parentheses")
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
    """One JSON file for all images, relative to root; splits are then drawn."""
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
    """Name the config keys that one source of data sets has and others may not."""
    # A source may restate a common key with a default of its own; it stays a common key.
    return set(Dataset.kinds()[source].key_names()) - set(Dataset.key_names())
