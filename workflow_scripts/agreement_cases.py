"""Compare the predicted masks of explainers with each other, case by case."""

from collections.abc import Collection, Sequence

from fidelity.analysis.checks.mask_agreement import pair_ious
from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.masks.run_lengths import read_masks


def main(
    masks: Sequence[str],
    explainers: Sequence[str],
    own: Collection[str],
    cases: str,
    output: str,
) -> None:
    """Write the agreement of every pair with one of the classifier's own explainers.

    Args:
        masks: masks.json files.
        explainers: the explainer of each, in the order of the config.
        own: those that belong to the classifier.
        output: the table to write, one row per case, class and pair.
    """
    found = {name: read_masks(path) for name, path in zip(explainers, masks, strict=True)}
    splits = {case.case: case.split for case in read_cases(cases)}
    write_parquet(pair_ious(found, splits, own), output)


if __name__ == "__main__":
    run_job(main, snakemake)
