"""A small study of a few made-up cases, with an explorer that is written as in the workflow.

The maps are made up. Masks, scores, rankings and curves come from the workflow's scripts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import binarize
import rank
import score
import sweep
from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps
from fidelity.masks.boxes import FloatBox, box_of, fill_boxes
from fidelity.masks.run_lengths import encode
from fidelity.pages.explorer.build import build
from fidelity.presentation.titles import Display, showing
from tests.helpers import entries
from tests.helpers.explained_cohort import CLASSES

WORKING = 48
THRESHOLDS = 101
METRICS = ["iou", "dice", "precision", "recall", "hausdorff_full"]
RANKING = ["pointing_game", "roc_auc"]
RULES = {
    "half": {"method": "fixed", "threshold": 0.5},
    "odd": {"method": "fixed", "threshold": 0.3333},
    "otsu": {"method": "otsu"},
    "top": {"method": "percentile", "percentile": 80},
}
KINDS = ("superpixels", "grid", "dense", "binary")
POSTPROCESS = entries.steps({}).model_dump()


@dataclass
class SmallExplorer:
    """The content and the place of a small explorer.

    Attributes:
        folder: holds all files.
        names: ids of the cases.
        explainers: key → kind of its maps; `binary` maps need no classifier.
        classifiers: keys. An empty list is valid; then no explainer needs a classifier.
        size: native (height, width).
        lungs: whether cases have lung masks; if so, maps are restricted to the lungs.
        settings: these replace the usual settings of `build`.
        titles: explainer → title, where the title differs from the key.
        pixel: added to all values of the images.
        boxed: whether readers drew a box around the lesion of the COVID-19 cases instead of a mask.
        told: strata_cases.csv, where strata are requested.
        readers: names of the readers who drew the lesion of COVID-19 cases. The mask of each
            further reader is shifted a little more to the right.
    """

    folder: Path
    names: Sequence[str] = tuple(f"case-{number}" for number in range(8))
    explainers: Mapping[str, str] = field(
        default_factory=lambda: {
            "lime": "superpixels",
            "cam": "grid",
            "ig": "dense",
            "lung": "binary",
        }
    )
    classifiers: Sequence[str] = ("net",)
    size: tuple[int, int] = (60, 76)
    lungs: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    pixel: int = 0
    boxed: bool = False
    told: pd.DataFrame | None = None
    readers: Sequence[str] = ()

    @property
    def page(self) -> str:
        """Return the address of the page."""
        return (self.folder / "explorer" / "index.html").as_uri()

    @property
    def data(self) -> Path:
        """Return the folder of the page's data."""
        return self.folder / "explorer" / "data"

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Return (classifier, explainer) of each source."""
        return [
            (classifier, name)
            for name, kind in self.explainers.items()
            for classifier in (
                ["none"] if kind == "binary" or not self.classifiers else self.classifiers
            )
        ]

    @cached_property
    def cases(self) -> list[PreparedCase]:
        """Return the cases: first the test split, then the validation split.

        The second case has two classes. The third has no lesion.
        """
        return [self._case(number, name) for number, name in enumerate(self.names)]

    def _case(self, number: int, name: str) -> PreparedCase:
        rng = np.random.default_rng(number)
        height, width = self.size
        y, x = np.mgrid[:height, :width] / np.array(self.size)[:, None, None]
        centre = 0.3 + 0.05 * (number % 8), 0.4 + 0.04 * (number % 5)
        side = 0.8 + 0.1 * (number % 5)
        lesion = ((y - centre[0]) / 0.2) ** 2 + ((x - centre[1]) / 0.16) ** 2 < side**2
        other = (y > 0.7) & (x > 0.5)
        lung = (y > 0.1) & (y < 0.95) & (abs(x - 0.5) > 0.05)
        references = {"COVID-19": lesion if number != 2 else np.zeros(self.size, bool)}
        if number == 1:
            references["Pneumonia"] = other
        boxes: dict[str, tuple[FloatBox, ...]] = {}
        if self.boxed:
            boxes["COVID-19"] = (box_of(lesion),) if number != 2 else ()
            references["COVID-19"] = fill_boxes(boxes["COVID-19"], self.size)
        image = (rng.integers(30, 200, (WORKING, WORKING)) + self.pixel).astype(np.uint8)
        return PreparedCase(
            case=name,
            patient=f"p{number // 2}",
            split="val" if number >= len(self.names) - len(self.names) // 4 else "test",
            labels=tuple(references),
            image=image,
            lung=np.ones((WORKING, WORKING), bool) if self.lungs else None,
            native_size=self.size,
            box=(0, 0, *self.size),
            references={cls: encode(mask) for cls, mask in references.items()},
            lung_native=encode(lung) if self.lungs else None,
            digest="0",
            reference_boxes=boxes,
            filled=tuple(boxes),
            readers={
                name: {"COVID-19": encode(np.roll(lesion, 4 * place, axis=1))}
                for place, name in enumerate(self.readers)
            },
            agreed=("COVID-19",) if self.readers else (),
        )

    def saliency(self, kind: str, number: int, place: int) -> SaliencyMap:
        """Make up a map of this kind."""
        rng = np.random.default_rng(1000 * place + number)
        if kind == "superpixels":
            quarter = np.arange(WORKING) * 4 // WORKING
            segments = quarter[:, None] * 4 + quarter
            return SaliencyMap("superpixels", rng.normal(size=16).astype(np.float32), segments)
        if kind == "grid":
            return SaliencyMap("grid", rng.normal(size=(5, 5)).astype(np.float32))
        if kind == "dense":
            return SaliencyMap("dense", rng.normal(size=(WORKING, WORKING)).astype(np.float32))
        mask = np.zeros((WORKING, WORKING), np.uint8)
        mask[8:40, 8 + number % 4 : 30] = 1
        return SaliencyMap("binary", mask)

    @cached_property
    def prepared(self) -> list[str]:
        """Write the prepared shards, one per split, and return their paths."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "classes.json").write_text(json.dumps(CLASSES))
        found = []
        for split in ("test", "val"):
            found.append(str(self.folder / f"{split}.h5"))
            cases = [case for case in self.cases if case.split == split]
            attrs = {"image_size": WORKING, "classes": CLASSES["classes"]}
            write_prepared(found[-1], cases, attrs)
        return found

    def part(self, pair: tuple[str, str], name: str) -> str:
        """Return the path of a source's file."""
        return str(self.folder / f"source-{self.pairs.index(pair)}-{name}")

    def maps(self, pair: tuple[str, str]) -> list[str]:
        """Return the paths of a source's map files, one per shard."""
        return [self.part(pair, f"{split}.h5") for split in ("test", "val")]

    def write(self) -> "SmallExplorer":
        """Write the maps, masks, scores and curves of every source, then the explorer."""
        for pair in self.pairs:
            self._write_source(pair)
        usual = {
            "dataset": "small",
            "generated": False,
            "pairs": self.pairs,
            "classifiers": list(self.classifiers),
            "binarizations": list(RULES),
            "metrics": [*METRICS, *RANKING],
            "metric": "iou",
            "binarization": "half",
            "split": "test",
            "cases": "all",
            "images": True,
            "thresholds": THRESHOLDS,
            "scoring_size": "original",
            "sign": "positive",
            "lung": self.lungs,
            "postprocess": self.postprocess,
            "empty": {},
        }
        with showing(Display(explainers=self.titles)):
            build(
                self.folder / "explorer",
                self.prepared,
                maps=[path for pair in self.pairs for path in self.maps(pair)],
                masks=[self.part(pair, f"{rule}.json") for pair in self.pairs for rule in RULES],
                scores=[
                    self.part(pair, f"{rule}.parquet") for pair in self.pairs for rule in RULES
                ],
                ranking=[self.part(pair, "ranking.parquet") for pair in self.pairs],
                settings={**usual, **self.settings},
                told=self.told,
            )
        return self

    @property
    def postprocess(self) -> dict[str, Any]:
        """Return the post-processing settings of the masks."""
        return {**POSTPROCESS, "lung": self.lungs}

    def _write_source(self, pair: tuple[str, str]) -> None:
        place, kind = self.pairs.index(pair), self.explainers[pair[1]]
        for path, shard in zip(self.maps(pair), ("test", "val"), strict=True):
            records = []
            for number, case in enumerate(self.cases):
                for cls in case.references if case.split == shard else ():
                    failed = number == 3 and kind == "dense"
                    made = None if failed else self.saliency(kind, number, place)
                    status = ("failed", "no layer") if failed else ("ok", "")
                    target = CLASSES["labels"][cls]
                    records.append(MapRecord(case.case, cls, target, *status, 0.1, {}, made))
            write_maps(path, records, {})
        predictions = None if pair[0] == "none" else self._predictions(pair[0])
        files = self.maps(pair), self.prepared
        classes = str(self.folder / "classes.json")
        frame = {"scoring_size": "original", "sign": "positive"}
        for rule, settings in RULES.items():
            masks, status = self.part(pair, f"{rule}.json"), self.part(pair, f"{rule}.csv")
            steps = entries.steps(self.postprocess)
            binarize.main(*files, entries.rule(settings), steps, "original", masks, status)
            output = self.part(pair, f"{rule}.parquet")
            how = {"metrics": METRICS, "empty": {}, "surface_tolerance": 2, "pixel_spacing": None}
            given = masks, status, self.prepared, predictions, classes
            score.main(*given, **how, scoring_size="original", outputs={"default": output})
        asked = {"metrics": RANKING, "pointing_tolerance": 3, **frame}
        rank.main(*files, predictions, classes, **asked, output=self.part(pair, "ranking.parquet"))
        swept = {"thresholds": THRESHOLDS, "lung": self.lungs, "empty": {}, **frame}
        sweep.main(*files, **swept, output=self.part(pair, "curves.parquet"))

    def _predictions(self, classifier: str) -> str:
        path = self.folder / f"predictions-{list(self.classifiers).index(classifier)}.csv"
        rows = [
            (case.case, case.patient, case.split, cls, int(cls == "COVID"), 0.0, value)
            for number, case in enumerate(self.cases)
            for cls, value in (
                ("COVID", 0.95 - 0.1 * (number % 8)),
                ("Normal", 0.05 + 0.1 * (number % 8)),
            )
        ]
        columns = ["case", "patient", "split", "class", "label", "logit", "probability"]
        pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
        return str(path)

    # ---- what the page must show, read from the study's own files ----

    def scores(self, explainer: str, rule: str, classifier: str = "net") -> pd.DataFrame:
        """Read the stored scores, by case and class."""
        table = pd.read_parquet(self.part(self._pair(explainer, classifier), f"{rule}.parquet"))
        return table.set_index(["case", "class"])

    def curves(self, explainer: str, classifier: str = "net") -> pd.DataFrame:
        """Read the sweep's scores, by case and class."""
        table = pd.read_parquet(self.part(self._pair(explainer, classifier), "curves.parquet"))
        return table.set_index(["case", "class"])

    def _pair(self, explainer: str, classifier: str) -> tuple[str, str]:
        own = (classifier, explainer)
        return own if own in self.pairs else ("none", explainer)
