"""Find what is probably a mistake in a whole data set, although each file can be read."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.cases import NONE, Case
from fidelity.datasets.images.image_similarity import correlations
from fidelity.datasets.images.images import USED_RANGE, IntensityError
from fidelity.datasets.indexing.examine import Examined, is_inside
from fidelity.datasets.mask_files.mask_entries import decode_reference, read_reference
from fidelity.datasets.mask_files.mask_values import mask_values_of
from fidelity.datasets.readers.names import SECOND
from fidelity.datasets.splits import SPLITS
from fidelity.settings.datasets import Dataset

# An image is dark if no value is in the upper three quarters of its range.
DARK, DEEP = 1 / 4, 2**16
# Correlation of an image's thumbnail with the median of all thumbnails. Of 904 chest radiographs,
# 99 % were above .25 and none was below -.2; the median was .7.
NEGATIVE, ALIKE = -0.4, 0.3
FEWEST_LOOKS = 5

log = logging.getLogger(__name__)


def tell_several_labels(cases: list[Case], settings: Dataset, adapter: ModuleType) -> None:
    """Warn if a few images with several labels have made the whole data set multi-label."""
    several = [case for case in cases if len(case.labels) > 1]
    if several and not (getattr(adapter, "multilabel", False) or getattr(settings, "task", None)):
        log.warning(
            "%d of %d images have several labels (first %r: %s), so the data set is multi-label:"
            " classes do not exclude each other. Set task: multilabel if this is meant",
            len(several),
            len(cases),
            several[0].case,
            "|".join(several[0].labels),
        )


def tell_unused_masks(before: list[Case], after: list[Case], root: Path, settings: Dataset) -> None:
    """Report masks and boxes of the user for classes that are not labels of their images."""
    marked, empty = [], []
    for given, used in zip(before, after, strict=True):
        for cls in settings.annotated_classes if given.place else ():
            path = given.masks.get(cls, NONE)
            if cls not in used.boxes and given.boxes.get(cls):
                marked.append((given.case, cls))
            elif cls not in used.masks and path != NONE:
                drawn = _is_marked(root, path, cls, settings)
                (marked if drawn else empty).append((given.case, cls))
    if marked:
        log.warning(
            "%d masks or boxes are not used, because the label of their image is not their class"
            " (first: case %r, class %r). Correct the label, or leave the cell blank",
            len(marked),
            *marked[0],
        )
    if empty:
        log.info(
            "%d masks without foreground are not used, because the label of their image is not"
            " their class. To score such images for false alarms, write none in place of the mask",
            len(empty),
        )


def _is_marked(root: Path, path: str, cls: str, settings: Dataset) -> bool:
    """Check whether an unused mask has any foreground; an unclear mask counts as foreground."""
    if not settings.outside_links and not is_inside(root, path):
        return False
    try:
        data = read_reference(root, path)
        return bool(decode_reference(data, root, path, cls, mask_values_of(settings), []).any())
    except InputError:
        return True


def check_brightness(examined: list[Examined], root: Path) -> None:
    """Refuse images if all are nearly black; warn of some that are dark for their file's range.

    Raises:
        IntensityError: no 8-bit image has any contrast.
    """
    shallow = {one.findings.span: one for one in examined if one.findings.span is not None}
    if 0 < max(shallow, default=0) < USED_RANGE * 255:
        raise IntensityError(
            f"none of the {sum(one.findings.span is not None for one in examined)} 8-bit images"
            f" spans more than {max(shallow)} of 255 grey values, so all would have almost no"
            " contrast",
            file=root / shallow[max(shallow)].case.image,
            field="intensity",
            remedy="Export the images again, or set intensity: percentile",
        )
    deep = [one for one in examined if one.findings.largest is not None]
    dark = [one for one in deep if one.findings.largest < DARK * DEEP]
    if dark and any(one.findings.largest >= DEEP / 2 for one in deep):
        log.warning(
            "%d of %d 16-bit images have no value above %d, but others reach %d. If the first"
            " ones have fewer bits, they will be too dark: export all images in one range, or"
            " set intensity: percentile. The first: %s",
            len(dark),
            len(deep),
            max(one.findings.largest for one in dark),
            max(one.findings.largest for one in deep),
            root / dark[0].case.image,
        )
    stored = [one.findings.stored for one in examined if one.findings.stored]
    if stored and all(largest < DARK * 2**bits for largest, bits in stored):
        log.warning(
            "none of the %d DICOM images without a window has a value above %d of %d, so all are"
            " dark (MONOCHROME1: bright). If their values have fewer bits than the header"
            " states, set intensity: percentile",
            len(stored),
            *max((largest, 2**bits - 1) for largest, bits in stored),
        )


def tell_copies(examined: list[Examined], used: set[str]) -> None:
    """Warn of images that are in a split several times, under several ids."""
    by_split: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in examined:
        if one.case.case in used:
            by_split[one.case.split, one.image_digest].append(one.case.case)
    for split in SPLITS:
        copies = [names for (of, _), names in by_split.items() if of == split and len(names) > 1]
        if copies:
            log.warning(
                "%s: %d images are copies of another image of this split (first: %r of %r). Each"
                " counts as a separate case. Remove the copies, or give them one patient",
                split,
                sum(len(names) - 1 for names in copies),
                copies[0][1],
                copies[0][0],
            )


def tell_shared_masks(examined: list[Examined]) -> None:
    """Warn of masks that belong to several images, or to the lungs and a class of one image."""
    owners: dict[str, list[tuple[Examined, str]]] = defaultdict(list)
    for one in examined:
        for digest, path in one.drawn:
            owners[digest].append((one, path))
    shared = [of for of in owners.values() if len({one.image_digest for one, _ in of}) > 1]
    if shared:
        first, *others = shared[0]
        other = next(of for of in others if of[0].image_digest != first[0].image_digest)
        log.warning(
            "%d masks are identical to the mask of a different image (first: %s of the case %r"
            " and %s of %r). Check whether each image has its own mask",
            sum(len({one.case.case for one, _ in of}) for of in shared),
            first[1],
            first[0].case.case,
            other[1],
            other[0].case.case,
        )
    # Not always a mistake: in 65 of 450 images of a COVID-QU-Ex sample, both masks are the same.
    lungs = [one for one in examined if _is_lesion_of_lungs(one)]
    both = [one for one in examined if one.case.lung_mask and one.case.mask_paths]
    if 2 * len(lungs) > len(both) or any(o.case.lung_mask in o.case.mask_paths for o in lungs):
        log.warning(
            "%d cases have the same mask for the lungs and for a class (first: %r). Check"
            " whether two columns were mixed up",
            len(lungs),
            lungs[0].case.case,
        )


def _is_lesion_of_lungs(one: Examined) -> bool:
    """Check whether the mask of a class equals the mask of the lungs."""
    of_lungs = {digest for digest, path in one.drawn if path == one.case.lung_mask}
    return any(path in one.case.mask_paths and digest in of_lungs for digest, path in one.drawn)


def check_lungs(examined: list[Examined], root: Path) -> None:
    """Refuse lung masks if all are empty; warn of empty ones, and of lesions outside the lungs.

    Raises:
        InputError: no lung mask has any foreground.
    """
    given = [one for one in examined if one.case.lung_mask]
    empty = [one for one in given if one.case.lung_mask not in {path for _, path in one.drawn}]
    if given and len(empty) == len(given):
        raise InputError(
            f"all {len(given)} lung masks are empty",
            file=root / empty[0].case.lung_mask,
            field="lung_masks",
            remedy="Correct the masks, or set lung_masks: none",
        )
    if empty:
        log.warning(
            "%d of %d lung masks are empty (first: %s)",
            len(empty),
            len(given),
            root / empty[0].case.lung_mask,
        )
    drawn = Counter(cls for one in given for reader, cls in one.marked if not reader)
    outside = Counter(cls for one in given for cls in one.outside)
    for cls, count in sorted(outside.items()):
        log.warning(
            "the mask of the class %s is completely outside the lungs in %d of %d cases (first:"
            " %r). If it is a finding of the lungs, check that masks and images have the same"
            " orientation",
            cls,
            count,
            drawn[cls],
            next(one.case.case for one in given if cls in one.outside),
        )


def tell_negatives(examined: list[Examined]) -> None:
    """Warn of images that look like negatives of the others, such as MONOCHROME1 saved as PNG."""
    seen = [one for one in examined if one.look is not None]
    if len(seen) < FEWEST_LOOKS:
        return
    looks = np.stack([one.look.thumbnail for one in seen]).astype(np.float32)
    spread = looks.std(axis=(1, 2), keepdims=True)
    scaled = (looks - looks.mean(axis=(1, 2), keepdims=True)) / np.maximum(spread, 1e-6)
    typical = np.broadcast_to(np.median(scaled, axis=0), looks.shape)
    found = correlations(looks, typical)
    negative = [one for one, value in zip(seen, found, strict=True) if value < NEGATIVE]
    if negative and np.median(found) > ALIKE:
        log.warning(
            "%d of %d images look like negatives of the others (first: %r). Check whether bone is"
            " white in all images",
            len(negative),
            len(seen),
            negative[0].case.case,
        )


def only_empty(examined: list[Examined], explained: Sequence[str], root: Path) -> list[InputError]:
    """Find annotated classes whose labelled images all have an empty reference."""
    counts: Counter[str] = Counter()
    marked: set[str] = set()
    first: dict[str, Examined] = {}
    for one in examined:
        if not explained or one.case.split in explained:
            labelled = one.case.annotated.intersection(one.case.labels)
            counts.update(labelled)
            marked |= {cls for reader, cls in one.marked if reader != SECOND}
            for cls in labelled:
                first.setdefault(cls, one)
    return [
        InputError(
            f"the reference of the class {cls!r} is empty in all {count} cases (first:"
            f" {first[cls].case.case!r})",
            file=root / first[cls].case.image,
            field="annotated_classes",
            remedy="Check that the masks have foreground, or drop the class from annotated_classes",
        )
        for cls, count in sorted(counts.items())
        if cls not in marked
    ]
