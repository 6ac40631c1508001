"""Write a phantom in the layout of a published data set, to test a config without its files.

Example: python workflow_scripts/phantom_as.py nih /tmp/nih --train 60 --val 30 --test 60
"""

import argparse
from pathlib import Path

from fidelity.datasets.sources.phantom.published_layouts import LAYOUTS, write_as


def main() -> None:
    """Write the phantom, and report its number of images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("layout", choices=LAYOUTS)
    parser.add_argument("folder", type=Path, help="folder to write; created if it does not exist")
    for split, count in (("train", 60), ("val", 30), ("test", 60)):
        parser.add_argument(f"--{split}", type=int, default=count, help=f"number of {split} images")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    cases = {split: getattr(given, split) for split in ("train", "val", "test")}
    chests = write_as(given.layout, given.folder, cases, given.seed)
    print(f"{len(chests)} phantoms in {given.folder}, in the layout of {given.layout}")


if __name__ == "__main__":
    main()
