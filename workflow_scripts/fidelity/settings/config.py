"""The whole config, with the sections for figures, computing and the lung model."""

from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import Field

from fidelity.settings.binarizations import Binarization, Fixed, Postprocess
from fidelity.settings.classifiers import Classifier
from fidelity.settings.closed_model import (
    Colour,
    Count,
    Integer,
    Key,
    Natural,
    Positive,
    Section,
    Unique,
    written_as,
)
from fidelity.settings.datasets import Dataset
from fidelity.settings.explainers import Explain, Explainer
from fidelity.settings.faithfulness import Controls, Faithfulness, KnownTruth, Sanity
from fidelity.settings.statistics import BoxProtocol, Protocol, Scores, Statistics

# Sections whose entries can have a title.
TITLED = ("datasets", "classifiers", "explainers", "binarizations")


class Figures(Section):
    """A change redraws figures and recomputes nothing else. The gallery is the figure of best,
    median and worst cases."""

    gallery_cases: Count = 2
    """Cases of each kind (best, median, worst)."""
    gallery_explainers: Annotated[list[str], Field(min_length=1)] | None = None
    """Explainers in the gallery; null = at most seven, the ceiling with the best mean
    IoU included. The other places go to explainers first, then to null baselines."""
    gallery_by: str | None = None
    """Explainer whose IoU decides which cases are best, median and worst; null = the first of
    `explainers` that the gallery shows."""
    dpi: Annotated[Integer, Ge(50), Le(600)] = 200
    """Resolution of the PNGs."""


class Display(Section):
    """How explainers are shown in figures, tables and pages. A change redraws them and recomputes
    nothing else. For names, set `title` in an entry."""

    order: Unique[str] = []
    """Order in which explainers are shown. Explainers that are not listed follow, in the order of
    `explainers`."""
    colours: dict[str, Colour] = {}
    """Map from explainer to colour, such as "#0072B2"; the others have colours that colour-blind
    readers can tell apart."""


class Explorer(Section):
    """The explorer: a page to browse single cases."""

    cases: Literal["all"] | Count = "all"
    """Largest number of cases in the explorer. Test cases are chosen first. If there are too many,
    the chosen cases are spread evenly over the sorted ids. A case of 256 px takes 10 KB per
    explainer."""
    images: bool = True
    """Whether any page, also the report, may show images. false = only maps, masks and scores, for
    data that must stay in your institution. Maps with a value per pixel can show outlines of the
    image, most of all those of `edge_map` and `guided_backprop`. Leave out such explainers, too."""


class Compute(Section):
    """How to compute. With these keys fixed, results do not depend on --cores, shards or the order
    of jobs."""

    threads: Count = 2
    """Threads and cores of a job that trains or explains."""
    batch: Count = 32
    """Images per forward pass when predicting and explaining."""
    device: Annotated[
        str,
        written_as(r"^(auto|cpu|cuda(:[0-9]+)?)$", "auto, cpu, cuda, or one GPU such as cuda:0"),
    ] = "auto"
    """Device; `auto` = the first GPU if there is one, else the CPU."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of training; `auto` = bfloat16 if the hardware has it. Explanations are float32
    unless an explainer's own key sets another precision."""
    container: Annotated[str, written_as(r"^\S+$", "path or address without blanks")] = (
        "envs/xray-fidelity.sif"
    )
    """Container image that jobs run in under `--sdm apptainer`: a file built from
    envs/apptainer.def, relative to the working folder, or an address that Apptainer can fetch."""


class LungModel(Section):
    """The small U-Net that predicts lung masks for data sets with `lung_masks: predicted`. It is
    trained once per data set named by `lung_from`."""

    size: Annotated[Integer, Ge(32), Le(1024)] = 256
    """Side in pixels of the image that the network sees."""
    cases: Count = 2000
    """Largest number of training images, and of validation images."""
    epochs: Count = 15
    """Epochs. The epoch with the best validation Dice is kept."""
    channels: Annotated[Integer, Ge(4)] = 16
    """Channels of the first level."""
    learning_rate: Positive = 0.003
    """Learning rate."""
    batch: Count = 16
    """Images per step."""
    components: Natural = 2
    """Number of largest connected parts of a predicted mask that are kept (two lungs); 0 = all."""


class Config(Section):
    """Configuration of the localization fidelity workflow."""

    seed: Natural = 1
    """Main seed. The seeds of each case and method are derived from it. The seed of each training
    is derived from it and from the classifier's key `seeds`. `split_seed` of a data set is
    independent of it."""
    data_root: str = "."
    """Folder that the `root` of every data set is relative to. Override this key if your data are
    elsewhere."""
    datasets: Annotated[dict[Key, Dataset], Field(min_length=1)]
    """The data sets, by a name that you choose. The name becomes a folder under results/."""
    classifiers: dict[Key, Classifier]
    """The classifiers, by a name that you choose. Each is trained or loaded for every data set."""
    only_classifiers: Unique[str] = []
    """Classifiers to run; [] = all. With several seeds, name single trainings, such as resnet18-s2.
    To run a single training, you do not need this key: type `make unit UNIT=resnet18-s2`
    (docs/units.md)."""
    explainers: Annotated[dict[Key, Explainer], Field(min_length=1)]
    """The explainers, by a name that you choose. Two names may have the same method with different
    keys."""
    explain: Explain = Field(default_factory=Explain)
    postprocess: Postprocess = Field(default_factory=Postprocess)
    binarizations: Annotated[dict[Key, Binarization], Field(min_length=1)] = Field(
        default_factory=lambda: {"fixed50": Fixed(threshold=0.5)}
    )
    """Rules that turn a map into a mask, by a name that you choose."""
    protocols: Annotated[Unique[Protocol | BoxProtocol], Field(min_length=1)] = ["default"]
    """Sets of metric conventions, each named after its library or study (docs/measuring.md).
    `seed` (not a random seed) has the conventions of the original LIME study (Gupta et al. 2025).
    The list must contain `default`, which the primary comparison and the figures use. `wsol`,
    `chestxray8` and `rodeo` score boxes."""
    faithfulness: Faithfulness = Field(default_factory=Faithfulness)
    sanity: Sanity = Field(default_factory=Sanity)
    known_truth: KnownTruth = Field(default_factory=KnownTruth)
    controls: Controls = Field(default_factory=Controls)
    scores: Scores = Field(default_factory=Scores)
    statistics: Statistics = Field(default_factory=Statistics)
    failure_model: bool = False
    """Whether to fit a regression of the primary metric on the number, size, elongation, contrast
    and place of lesions, and the classifier's confidence (tables/failure_model.csv)."""
    figures: Figures = Field(default_factory=Figures)
    display: Display = Field(default_factory=Display)
    explorer: Explorer = Field(default_factory=Explorer)
    compute: Compute = Field(default_factory=Compute)
    lung_model: LungModel = Field(default_factory=LungModel)
    plugins: Unique[str] = []
    """Python files with your own explainers and architectures, used as `plugin:<function>`."""

    def recorded(self) -> dict[str, Any]:
        """Return the config as plain values, including titles, which `model_dump` leaves out."""
        found = self.model_dump()
        for section in TITLED:
            for key, entry in getattr(self, section).items():
                if entry.title is not None:
                    found[section][key]["title"] = entry.title
        return found

    def root_of(self, dataset: str) -> Path | None:
        """Return the folder of a data set's files; None if it has no `root` (generated data)."""
        root = getattr(self.datasets[dataset], "root", None)
        return None if root is None else Path(self.data_root) / root

    def origin_of(self, dataset: str) -> Path | None:
        """Return the folder or archive of a data set; None if it is generated or downloaded."""
        archive = getattr(self.datasets[dataset], "archive", None)
        found = self.root_of(dataset)
        return found if found or not archive else Path(self.data_root) / archive
