"""CheXpert (Irvin et al. 2019) with CheXlocalize's reference masks (Saporta et al. 2022).

Labels come from CheXpert's own CSV files, masks from CheXlocalize's JSON files, which exist for the
validation and test splits alone. CheXpert has no lung masks of its own; CheXmask has. Training
labels are from reports, the others from radiologists.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from fidelity.datasets.cases import Case
from fidelity.datasets.mask_files.mask_entries import SIZE_KEY, is_drawn, read_entries
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.readers.names import SECOND
from fidelity.datasets.sources.chexpert.folder_layout import find_layout, image_finder
from fidelity.datasets.sources.chexpert.label_files import Row, read_rows
from fidelity.datasets.sources.chexpert.observation_names import OBSERVATIONS, PATHOLOGIES
from fidelity.settings.datasets import Chexlocalize

# Masks may be of the original image while the image is of CheXpert-v1.0-small.
same_size = False
# Masks are drawn on the original image, at whose size they are scored.
native_is_mask = True
multilabel = True
# A mask, not a label, states what is annotated: training images have labels and no masks.
masks_follow_labels = False
# Names that are checked against the published ones: a class that no image of a part of the data set
# has is not misspelt.
known_classes = OBSERVATIONS

LABELS_BY = {"train": "report"}
# Rows by which the base of the paths is found: a copy may lack single images.
TRIED = 50

log = logging.getLogger(__name__)


def find_cases(root: Path, settings: Chexlocalize) -> Iterator[Case]:
    """Yield one case per image of the chosen views, of all splits that have a label file.

    The order is that of the label files, the id that of CheXlocalize. `masks` has the pathologies
    that are drawn, and those labelled positive of an image that was read but where nothing is drawn
    (empty references).

    Raises:
        InputError: files are missing or ambiguous, or a cell cannot be understood.
    """
    layout = find_layout(root, settings)
    views, policy = settings.views, settings.uncertain
    second = settings.human_benchmark.segmentations
    for split, table in layout.tables.items():
        rows = list(read_rows(root / table))
        image_of = image_finder(root, root / table, [row.path for row in rows[:TRIED]])
        masks = layout.masks.get(split)
        missing: Counter[str] = Counter()
        for row in rows:
            if views not in ("all", row.view):
                continue
            case = Case(
                case=row.case,
                patient=row.patient,
                split=split,
                labels=row.positive,
                image=image_of(row.path),
                masks=_masks(root, masks, row.case, row.positive) if masks else {},
                readers={SECOND: _masks(root, second, row.case)}
                if second and split == "test"
                else {},
                facts={**row.facts, "label_source": LABELS_BY.get(split, "radiologists")},
            )
            if masks:
                missing.update(set(row.positive) & set(PATHOLOGIES) - set(case.masks))
            yield resolve_uncertain(case, row, policy)
        for name, count in sorted(missing.items()):
            log.warning("%s: %d positive images of %s have no mask", split, count, name)


def tables(root: Path, settings: Chexlocalize) -> list[Path]:
    """List the label files, and the JSON files of masks and of the human benchmark."""
    layout = find_layout(root, settings)
    human = settings.human_benchmark
    names = (*layout.tables.values(), *layout.masks.values(), human.segmentations, human.points)
    return [root / name for name in names if name]


def resolve_uncertain(case: Case, row: Row, policy: str) -> Case:
    """Apply the policy for uncertain labels (Irvin et al. 2019, section 3).

    Args:
        case: with the positive labels alone.
        row: its line of the label file.
        policy: `zeros` and `ones` replace the label; `ignore` and `multi-class` keep it apart, for
            the loss and the metrics to leave out or for a class of its own.

    Returns:
        The case with its final labels.
    """
    if policy == "ones":
        return replace(case, labels=(*case.labels, *row.uncertain))
    if policy == "zeros":
        return case
    return replace(case, uncertain=row.uncertain)


def _masks(root: Path, file: str, case: str, read: Collection[str] = ()) -> dict[str, str]:
    """Refer to what is drawn, and to the empty masks of classes that were read for."""
    by_class = read_entries(root / file).get(case, {})
    return {
        name: reference_to(file, case, name)
        for name in PATHOLOGIES
        if is_drawn(by_class, name) or (name in read and (name in by_class or SIZE_KEY in by_class))
    }
