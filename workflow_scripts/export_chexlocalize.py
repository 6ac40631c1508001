"""Write predicted masks as the JSON files that CheXlocalize's evaluation reads."""

from collections.abc import Collection
from pathlib import Path

from fidelity.base.job_log import run_job
from fidelity.binarizations.chexlocalize.export import export
from fidelity.datasets.cases import read_cases
from fidelity.masks.run_lengths import read_masks, write_masks


def main(masks: str, cases: str, splits: Collection[str], output_dir: str) -> None:
    """Write one file per split, {split}.json, with all ten pathologies for every image."""
    found, table = read_masks(masks), read_cases(cases)
    for split in splits:
        chosen = [case for case in table if case.split == split]
        write_masks(Path(output_dir) / f"{split}.json", export(found, chosen))


if __name__ == "__main__":
    run_job(main, snakemake, output_dir="output")
