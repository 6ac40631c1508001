"""A miniature of a study: the same jobs on a few generated images.

Its folder has the layout of the study (`results/…`), so that a job's own script runs in it with the
job's own parameters.
"""

import json
import shutil
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from fidelity.analysis.columns.cases import DATA_WARNINGS
from fidelity.base.files import write_csv, write_text
from fidelity.datasets import registry
from fidelity.datasets.cases import Case, sort_key, write_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.shards import shard_name
from fidelity.datasets.sources.phantom import phantom
from fidelity.datasets.sources.phantom.clinical import ORGAN_FILE, RECORD_FILE
from fidelity.datasets.sources.phantom.lesions import CLASSES
from fidelity.datasets.splits import SPLITS
from fidelity.settings.datasets import Cases, Dataset, Phantom, Shortcut
from fidelity.study import paths
from fidelity.tools.estimate.counts import Counts
from fidelity.tools.estimate.trial import Measured

SMALLEST = 96  # px; minimum size of a phantom


@dataclass(frozen=True)
class Size:
    """Number of training images, and of maps of the other splits, in a miniature."""

    train: int
    val: int
    test: int


class _Clock:
    """Measures wall and processor time between laps, in seconds."""

    def __init__(self) -> None:
        self.last = time.perf_counter(), time.process_time()

    def lap(self, size: int) -> Measured:
        """Return the time since the last lap, together with the number of written bytes."""
        now = time.perf_counter(), time.process_time()
        taken = Measured(now[0] - self.last[0], now[1] - self.last[1], size)
        self.last = now
        return taken


class Pool:
    """Generated images from which all miniatures of a data set are drawn."""

    def __init__(
        self,
        folder: Path,
        entry: Dataset,
        largest: Size,
        side: int,
        trained: bool,
        classes: Sequence[str] = (),
    ) -> None:
        """Generate and index the images.

        Args:
            classes: the data set's model classes, as far as known. The miniature then has only
                these, so that the classes of a loaded checkpoint fit.
        """
        self.classes = classes
        self.data = folder / "data"
        self.entry = entry
        replaced = {"source", "annotated_classes", "labels", "mask_values", "limit", "readers"}
        kept = set(Dataset.model_fields) - replaced - {"near_duplicates", "lung_quality"}
        own = Phantom.model_construct(
            **{key: getattr(entry, key) for key in kept},
            annotated_classes=list(CLASSES[:2]),
            cases=Cases.model_construct(
                train=largest.train, val=3 * largest.val, test=3 * largest.test
            ),
            size=max(side, SMALLEST),
            second_reader=getattr(entry, "second_reader", False),
            simulated_readers=getattr(entry, "simulated_readers", 0),
            shortcut=getattr(entry, "shortcut", Shortcut()),
            clinical=bool(entry.lungs or entry.strata),
            lung_quality=0,
        )
        clock = _Clock()
        phantom.generate(self.data, own, 1)
        for made, named in ((ORGAN_FILE, entry.lungs), (RECORD_FILE, entry.records)):
            if named and named != made:
                (self.data / named).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.data / made, self.data / named)
        size = sum(file.stat().st_size for file in self.data.rglob("*.png"))
        self.taken = {"acquire": clock.lap(size)}
        patterns = paths.QUARANTINE, paths.NEAR_DUPLICATES, paths.CASE_COUNTS
        self.reports = [folder / Path(pattern).name for pattern in patterns]
        index = index_cases(self.data, own, ["val", "test"], trained)
        index.write_reports(*self.reports)
        self.reports.append(folder / Path(paths.DATA_WARNINGS).name)
        write_csv(DATA_WARNINGS.frame([]), self.reports[-1])
        self.names = index.classes
        self.taken["index_cases"] = clock.lap(0)
        self.called = _names(entry)
        self.cases = [self._renamed(case) for case in index.cases]

    def _renamed(self, case: Case) -> Case:
        """Give a generated case the class names of the data set."""
        kept = set(self.entry.annotated_classes)

        def named(files: Mapping[str, str]) -> dict[str, str]:
            found = {self.called[name]: path for name, path in files.items()}
            return {name: path for name, path in found.items() if name in kept}

        labels = tuple(self.called[name] for name in case.labels)
        # Readers with separate folders get copies of the same masks, which cost the same.
        others = self.entry.readers if isinstance(self.entry.readers, dict) else {}
        readers = {**dict.fromkeys(others, case.masks), **case.readers}
        readers = {reader: named(masks) for reader, masks in readers.items()}
        return replace(case, labels=labels, masks=named(case.masks), readers=readers)

    def build(
        self, root: Path, dataset: str, raw: str, size: Size, shards: Mapping[str, int]
    ) -> Counts:
        """Write a miniature with all files that the workflow writes up to the shards' tables.

        Args:
            raw: folder of raw files, below `root`.
            shards: number of shards per split; the first shard of each split holds all cases.
        """

        def place(pattern: str, **names: str) -> Path:
            return root / pattern.format(dataset=dataset, **names)

        place(paths.SHARDS).mkdir(parents=True)
        (root / raw).mkdir(parents=True)
        (root / raw / "data").symlink_to(self.data, target_is_directory=True)
        write_text(root / raw / "manifest.json", "{}\n")
        place(paths.CHECKED).touch()
        chosen = self._chosen(size)
        write_cases(place(paths.CASES), chosen)
        for report in self.reports:
            shutil.copyfile(report, place(paths.DATASET) / report.name)
        text = json.dumps(self._classes(), ensure_ascii=False)
        for pattern in (paths.CLASSES, paths.SHARD_CLASSES):
            write_text(place(pattern), text)
        for split, count in shards.items():
            for number in range(count):
                part = [c for c in chosen if c.split == split] if number == 0 else []
                write_cases(place(paths.SHARD_CASES, shard=shard_name(split, number)), part)
        images = {s: sum(c.split == s for c in chosen) for s in SPLITS}
        maps = {s: sum(len(c.masks) for c in chosen if c.split == s) for s in images}
        return Counts(images, maps)

    def _chosen(self, size: Size) -> list[Case]:
        """Choose cases of one annotated class, and one of each kind of labels without masks."""
        classes: dict[tuple[str, ...], list[Case]] = defaultdict(list)
        for case in self.cases:
            if case.split == "train":
                classes[case.labels].append(case)
        # Alternate between classes, so that the limit keeps all of them.
        turns = chain.from_iterable(zip_longest(*classes.values()))
        chosen = [case for case in turns if case is not None][: size.train]
        for split, wanted in (("val", size.val), ("test", size.test)):
            own = [case for case in self.cases if case.split == split]
            chosen += [case for case in own if case.masks and case.labels == own[0].labels][:wanted]
            plain: dict[tuple[str, ...], Case] = {}
            for case in own:
                if not case.masks:
                    plain.setdefault(case.labels, case)
            chosen += plain.values()
        return sorted(chosen, key=sort_key)

    def _classes(self) -> dict[str, Any]:
        """Return the content of classes.json: up to three classes, the annotated ones first."""
        several = getattr(registry.reader(self.entry.source), "multilabel", False)
        names = list(self.called.values())
        labels = {name: self.entry.labels.get(name) or name for name in names}
        for name, label in labels.items():
            if len(self.classes) > 1 and label not in self.classes:
                unused = [known for known in self.classes if known not in labels.values()]
                labels[name] = (unused or self.classes)[-1]
        return {
            "classes": list(dict.fromkeys(labels.values())),
            "task": "multilabel" if several else self.names["task"],
            "annotated": [n for n in self.entry.annotated_classes if n in names],
            "labels": labels,
        }


def _names(entry: Dataset) -> dict[str, str]:
    """Map the phantom's classes to those of the data set, starting with its annotated classes."""
    annotated = entry.annotated_classes
    if set(annotated) <= set(CLASSES):
        lesion = [*annotated, *(name for name in CLASSES if name not in annotated)]
        return dict(zip(CLASSES, lesion, strict=True)) if annotated else {n: n for n in CLASSES}
    rest = [name for name in CLASSES if name not in annotated][::-1]
    return dict(zip(CLASSES, [*annotated, *rest][:3], strict=True))
