"""The keys that data sets of all sources share."""

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le
from pydantic import MISSING, BeforeValidator, Field, model_validator

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.label_names import is_reserved, reserved_error
from fidelity.datasets.mask_files.mask_values import BACKGROUND, FOREGROUND, LUNG
from fidelity.datasets.pixel_spacing import REMEDY, is_plausible
from fidelity.datasets.readers.names import check_reader
from fidelity.settings.closed_model import (
    Colour,
    Count,
    Entry,
    Integer,
    Key,
    NonNegative,
    Number,
    Positive,
    PositiveShare,
    Section,
    Share,
    Title,
    Unique,
)

# The two classes of a data set with a planted mark.
MARKED, UNMARKED = "marked", "unmarked"
# Facts of an image, then of its references.
Stratum = Literal["view", "sex", "age_group", "label_source", "lesion_count", "side"]
LungMasks = Literal["provided", "chexmask", "predicted", "none"]
Red = Annotated[Integer, Ge(0), Le(255)]
MaskValue = NonNegative | Colour | Annotated[list[Red], Field(min_length=3, max_length=3)]


def _no_bare_colour(value: object) -> object:
    """Refuse [255, 0, 0], which would be two grey values, one of them twice."""
    like = isinstance(value, list) and len(value) == 3 and set(map(type, value)) == {int}
    if like and len(set(value)) < 3 and min(value) >= 0 and max(value) <= 255:
        raise InputError(
            f"{value} is a list of grey values, and one occurs twice",
            remedy="For a colour, write {!r}".format("#" + bytes(value).hex()),
        )
    return value


MaskValues = Annotated[
    NonNegative | Colour | Annotated[Unique[MaskValue], Field(min_length=1)],
    BeforeValidator(_no_bare_colour),
]

ShardCount = Annotated[Integer, Ge(1), Le(999)]


def is_empty(value: object) -> bool:
    """Check for an unset key, which is left out of params so that older results stay valid."""
    return not value


class Shards(Section):
    """Shards per split. A shard is a group of cases that one job prepares or explains. For how many
    to choose see docs/datasets.md."""

    train: ShardCount = 4
    """Shards of the training split."""
    val: ShardCount = 1
    """Shards of the validation split."""
    test: ShardCount = 2
    """Shards of the test split."""


class Planted(Section):
    """A mark or texture that is added to half of the images, chosen by a hash of their ids. The
    classes are then `marked` and `unmarked`. So it is known what the classifier should use (see
    `known_truth`). The lesions stay in the images, but do not tell the classes apart. Not set =
    images stay as they are."""

    kind: Literal["mark", "texture"] = "mark"
    """`mark` = a small bright label at the side, outside the lungs if there is room. `texture` =
    faint stripes in a disc inside the lungs; needs lung masks."""
    strength: PositiveShare = 0.08
    """Contrast of the stripes of a texture, as a share of the range from black to white."""


class Dataset(Entry):
    """A data set; its further keys depend on its source."""

    chosen_by: ClassVar[str] = "source"
    entry_name: ClassVar[str] = "dataset"
    # Whether its references are boxes, or masks together with boxes.
    has_boxes: ClassVar[bool] = False
    # Whether its training split has references.
    has_training_references: ClassVar[bool] = True
    source: str
    """Where the images come from; `phantom` = generated chest X-rays."""
    title: Title = None
    """Name in figures, tables and pages. null = COVID-QU-Ex or CheXlocalize for these sources,
    and the name of this entry for all others."""
    input: Literal["full", "lung_masked", "lung_crop"] = "full"
    """What the classifier sees: the full image, the image times the lung mask, or the lung's
    bounding box."""
    image_size: Annotated[Integer, Ge(16), Le(2048)] | None = None
    """Side in pixels of the classifier's input. null = the size that the classifiers' weights
    files state; 224 if none states a size, or if they differ. Files of networks trained by this
    project state it, and so do those of vision transformers. If a classifier is a vision
    transformer with weights, its size is used, and another `image_size` is an error."""
    scoring_size: Literal["original", "working"] = "original"
    """Size at which masks are compared: that of the original image or of the classifier's input."""
    annotated_classes: Unique[str]
    """Classes of the source whose reference masks are scored; all other masks are ignored. Empty
    only for `source: covid_qu_ex` with `part: lung`, which has no such masks."""
    labels: dict[str, str | None] = {}
    """Map from class of the source to class of the classifier. null leaves out the images of
    a class. In multi-label data, it leaves out only the label and keeps the images. Labels that
    differ only in upper and lower case, spaces or hyphens must be merged here."""
    pixel_spacing: (
        None | Positive | Annotated[list[Positive], Field(min_length=2, max_length=2)]
    ) = None
    """Millimetres per pixel of the original images: a number or [row, column]; null = unknown. A
    table's columns spacing_row and spacing_column, and DICOM headers, take precedence."""
    lung_masks: LungMasks = "provided"
    """Where lung masks come from. `provided` = the data set's own; if `lungs` is set, the lung
    masks in that file. `chexmask` = the lung and heart masks in the file `lungs` (public collection
    CheXmask); `predicted` = a small U-Net, trained on another data
    set (`lung_from`, `lung_model`)."""
    lungs: str | None = None
    """CheXmask's CSV file for this data set, relative to root. `lung_masks: chexmask` reads its
    lungs and hearts, `provided` only its lungs."""
    lung_quality: Share = 0.7
    """Lowest quality of a mask in `lungs` that is used: CheXmask's column "Dice RCA (Mean)".

    tables/organ_masks.csv lists the masks below it. 0 = all are used, also those without an
    estimate."""
    lung_from: str | None = None
    """For `lung_masks: predicted`: data set of this config whose lung masks the U-Net is trained
    on."""
    intensity: Literal["full", "percentile"] = "full"
    """Which grey values become black and white. `full` = the ends of the range that the file
    declares (0 and 255 or 65535; DICOM: of its window or LUT). `percentile` = two percentiles of
    each image."""
    intensity_percentiles: Annotated[
        list[Annotated[Number, Ge(0), Le(100)]], Field(min_length=2, max_length=2)
    ] = [0.5, 99.5]
    """With `intensity: percentile`: the percentiles; [0, 100] = minimum and maximum."""
    intensity_bits: Annotated[Integer, Ge(8), Le(32)] | None = None
    """With `intensity: full`: bits of the grey values in PNG and TIFF files of more than 8 bits;
    null = those of the file. Example: 14 for a 14-bit detector in a 16-bit PNG."""
    mask_values: dict[str, MaskValues] = {}

    """What the values in mask image files mean. Needed only if the run refuses a mask as unclear.
    Keys: an annotated class or `lung` = the values of its mask; `foreground` = those of all masks
    without a key of their own; `background` = those outside of masks (not set = black). Values: a
    grey value, a palette index, a colour such as "#ff0000", or a list of them. Three numbers of one
    colour need double brackets: [[255, 0, 0]]. See docs/datasets.md."""
    duplicates: Literal["error", "exclude", "keep"] = "error"
    """What to do if an image (by its pixels) or a patient is in two splits. `exclude` keeps the
    images in the test split, or if there are none, those in the validation split. It drops the
    others."""
    near_duplicates: Literal["report", "exclude", "off", False] = "report"
    """What to do about near-duplicates: images in two splits that look the same but differ in their
    pixels. `report` lists them in near_duplicates.csv. `exclude` also drops one image of a pair:
    that of the training split, else that of the validation split. `off` (YAML reads it as false)
    does not search for them."""
    near_duplicate_distance: Annotated[Integer, Ge(0), Le(24)] = 10
    """Near-duplicates have perceptual hashes (phash, 64 bits) that differ in at most this number of
    bits."""
    near_duplicate_correlation: Share = 0.97
    """Near-duplicates have thumbnails (32 x 32 pixels) with at least this correlation. Hashes alone
    would match many different chest radiographs."""
    near_duplicates_of: Unique[Key] = []
    """Other data sets of this config. Their validation and test images are compared with the
    training and validation images of this data set. Images of this data set that are copies or
    near-duplicates are left out. With [], near-duplicates between the data sets of this config are
    only listed (summary/tables/near_duplicates.csv)."""
    limit: Count | None = None
    """Cases per class and split for a trial; null = all."""
    strict: bool = False
    """Stop at the first unusable image or mask, instead of leaving it out and listing it in
    quarantine.csv. For COVID-QU-Ex, also stop if the numbers of images differ from the published
    ones."""
    max_unusable: Share = 0.05
    """Largest share of a split that may be unusable for the same cause, such as unreadable images.
    If the share is larger, the study stops, except if only one case is unusable. 1 = it never
    stops."""
    outside_links: bool = False
    """Whether images and masks may be links that lead out of the data root; false = an error."""
    boxes_outside: Literal["refuse", "clip"] = "refuse"
    """What to do with a reference box that extends beyond its image by more than rounding. `refuse`
    = an error that names its file and row; `clip` = it is cut at the border and counted in the
    log."""
    empty_references: bool = True
    """Whether an image with an empty reference (a reader looked for the class and found nothing) is
    explained and scored. Needed to measure false alarms. A given mask without foreground is always
    scored."""
    boxes_from: Literal["references", "masks"] | None = None
    """Reference boxes of the box scores. `references` = the boxes that readers drew; `masks` =
    rectangles around the connected parts of each mask. null = `references` if the source has boxes;
    otherwise no box scores. With `source: table`, null means `references` only if the key `boxes`
    is set. If the boxes are in columns of the table itself, set `references`."""
    readers: Annotated[dict[str, str], Field(exclude_if=is_empty)] = {}
    """Masks of further readers: {name: folder}, with folders relative to root. Each contains one
    folder per annotated class. With a single class, it may contain the masks directly. A mask has
    the name of its case or image."""
    reference: Annotated[str | None, Field(exclude_if=is_empty)] = None
    """How the masks and boxes of several readers become one reference (docs/datasets.md). They are
    joined by `union`, `intersection`, `majority` (more than half) or `staple`. A reader's name =
    only this reader's masks and boxes; `first` = only masks and boxes that name no reader. null =
    `first` if some masks or boxes name no reader; otherwise the majority of the masks, and all
    boxes. If set, readers are compared with one another and with the explainers."""
    planted: Planted | MISSING = MISSING
    strata: Unique[Stratum] = []
    """Groups of cases that get their own scores in tables/strata.csv, the study page and the
    explorer. Groups by lesion size, prediction and confidence always exist. `lesion_count` and
    `side` come from the references; the others from `records`, the source's tables or DICOM
    headers, in this order. `label_source` = who labelled the image, such as `report` or
    `radiologists`."""
    records: str | None = None
    """CSV file for `strata`, relative to root. Columns: case or image, and any of view, sex, age
    (years), label_source."""
    shards: Shards = Field(default_factory=Shards)

    @property
    def has_reference_masks(self) -> bool:
        """Whether the source has reference masks, so that its classes can be annotated."""
        return True

    @property
    def reads_lungs(self) -> bool:
        """Whether lung masks are read from files."""
        return self.lung_masks in ("provided", "chexmask")

    @model_validator(mode="after")
    def _fits_together(self) -> "Dataset":
        self._check_intensity()
        if self.pixel_spacing is not None and not is_plausible(
            *(self.pixel_spacing if isinstance(self.pixel_spacing, list) else [self.pixel_spacing])
        ):
            raise InputError(
                f"{self.pixel_spacing} mm is not a possible pixel size",
                field="pixel_spacing",
                remedy=REMEDY,
            )
        self._check_lungs()
        if self.records is not None and not self.strata:
            raise InputError(
                "is used only if strata is set",
                field="records",
                remedy="Leave it out, or set strata",
            )
        if not self.has_reference_masks and self.annotated_classes:
            raise InputError(
                "part lung has no infection masks, so none of its classes is annotated",
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
                "a texture is planted in the lungs, but lung_masks is none",
                field="planted.kind",
                remedy="Use mark, or a data set with lung masks",
            )
        self._check_mask_values()
        self._check_class_names()
        for name in self.readers if isinstance(self.readers, dict) else ():
            check_reader(name, field="readers")
        return self

    def _check_intensity(self) -> None:
        """Check that the percentiles are in order, in percent, and used."""
        low, high = self.intensity_percentiles
        if low >= high:
            raise InputError(
                f"{low:g} is not below {high:g}",
                field="intensity_percentiles",
                remedy="Give the percentile of black, then that of white",
            )
        if high <= 1:
            raise InputError(
                f"[{low:g}, {high:g}] seem to be fractions, which would make nearly all pixels"
                " white",
                field="intensity_percentiles",
                remedy=f"Write percentiles from 0 to 100: [{100 * low:g}, {100 * high:g}]",
            )
        default = type(self).model_fields["intensity_percentiles"].default
        if self.intensity == "full" and self.intensity_percentiles != default:
            raise InputError(
                "is used only if intensity is percentile",
                field="intensity_percentiles",
                remedy="Set intensity: percentile, or leave it out",
            )

    def _check_lungs(self) -> None:
        """Check that the keys for lung masks fit together."""
        if self.lung_from is not None and self.lung_masks != "predicted":
            raise InputError(
                f"is used only if lung_masks is predicted, but it is {self.lung_masks}",
                field="lung_from",
                remedy="Leave it out, or set lung_masks: predicted",
            )
        if self.lung_masks == "chexmask" and self.lungs is None:
            raise InputError(
                "chexmask needs the CheXmask file of this data set",
                field="lung_masks",
                remedy="Set lungs: <its CSV file>, or lung_masks: none",
            )
        if self.lungs is not None and not self.reads_lungs:
            raise InputError(
                f"is not used if lung_masks is {self.lung_masks}",
                field="lungs",
                remedy="Leave it out, or set lung_masks: chexmask",
            )

    def _check_mask_values(self) -> None:
        """Check that values are given for known masks, and not only for the background."""
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
                "names only the background, and no foreground",
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
                    "is an annotated class, but 'labels' leaves it out",
                    field=f"annotated_classes: {cls}",
                    remedy="Remove it from annotated_classes, or from labels",
                )

    def model_classes(self) -> set[str]:
        """Return the classifier's classes that are known from the config."""
        if self.planted is not MISSING:
            return {MARKED, UNMARKED}
        return {self.labels.get(cls) or cls for cls in self.annotated_classes}
