"""Measure the size of a large explorer, and its speed in a browser.

Run: `python benchmarks/explorer.py [--cases 583] [--keep FOLDER]`. The study has 583 cases of 256 x
256 pixels and 15 explainers: three with dense maps, six with grids, three with superpixels, three
with masks. Masks, scores and curves come from the workflow's scripts. Images are smooth with noise
of six grey values. Dense maps are heavy-tailed noise (Student's t, 3 degrees of freedom), as
gradients are; smoother maps take less space. Debian's Chromium opens the page from the disk in a
window of 1280 x 800: first the start view, then up to 20 cases one after the other.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow_scripts")]

from fidelity.maps.saliency_map import SaliencyMap  # noqa: E402
from tests.helpers import browser, small_explorer  # noqa: E402

SIDE, OPENED = 256, 20
small_explorer.WORKING = SIDE
EXPLAINERS = {
    f"{kind}_{number}": kind
    for kind, count in {"dense": 3, "grid": 6, "superpixels": 3, "binary": 3}.items()
    for number in range(count)
}


class LargeExplorer(small_explorer.SmallExplorer):
    """The explorer of the tests, with images and dense maps as compressible as real ones."""

    def _case(self, number: int, name: str):
        case = super()._case(number, name)
        rng = np.random.default_rng(number)
        smooth = cv2.resize(
            rng.uniform(30, 220, (9, 9)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC
        )
        noisy = smooth + rng.normal(0, 6, smooth.shape)
        case.image[:] = noisy.clip(0, 255).astype(np.uint8)
        return case

    def saliency(self, kind: str, number: int, place: int) -> SaliencyMap:
        """Generate a map."""
        if kind != "dense":
            return super().saliency(kind, number, place)
        rng = np.random.default_rng(1000 * place + number)
        return SaliencyMap("dense", rng.standard_t(3, (SIDE, SIDE)).astype(np.float32))


def megabytes(folder: Path) -> float:
    """Return the size of all files below a folder in MB (10^6 bytes)."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def browse(page: str) -> tuple[float, list[float]]:
    """Open the page, then cases; return the seconds until each is shown."""
    with browser.running() as chromium:
        tab = chromium.new_page(viewport={"width": 1280, "height": 800})
        started = time.perf_counter()
        opened = browser.Tab(tab, page)
        first = time.perf_counter() - started
        thumbnails = opened.page.locator(".thumbnail")
        following = thumbnails.count() - 1  # the page stays at the last case
        thumbnails.first.click()
        opened.settle()
        seconds = []
        for _ in range(min(OPENED, following)):
            before = opened.state()
            started = time.perf_counter()
            opened.page.keyboard.press("ArrowRight")
            opened.settle()
            seconds.append(time.perf_counter() - started)
            if opened.state() == before:
                sys.exit("the next case was not opened")
        if opened.problems:
            sys.exit(f"the page reports: {opened.problems[:3]}")
    return first, seconds


def main() -> None:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=583)
    parser.add_argument("--keep", type=Path, help="write the study here and leave it")
    arguments = parser.parse_args()
    if arguments.cases < 2:
        parser.error(f"--cases must be at least 2, got {arguments.cases}")
    if browser.REASON:
        sys.exit(browser.REASON)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        names = tuple(f"case-{number:04d}" for number in range(arguments.cases))
        study = LargeExplorer(folder, names=names, explainers=EXPLAINERS, size=(SIDE, SIDE)).write()
        print(f"{arguments.cases} cases, {len(EXPLAINERS)} explainers, {SIDE} px")
        print(f"on disk: {megabytes(folder / 'explorer'):.0f} MB")
        first, seconds = browse(study.page)
    print(f"first view: {first:.2f} s")
    print(f"a case: median {statistics.median(seconds):.3f} s, at most {max(seconds):.3f} s")


if __name__ == "__main__":
    main()
