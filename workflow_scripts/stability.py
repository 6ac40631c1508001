"""Summarize how stable the maps are into tables/stability.csv."""

from collections.abc import Sequence

from fidelity.analysis.checks.map_stability import summarize_stability
from fidelity.analysis.columns.checks import STABILITY_CASES
from fidelity.base.files import read_parquet, write_csv
from fidelity.base.job_log import run_job


def main(
    reported: Sequence[str],
    classifiers: Sequence[str],
    combos: Sequence[tuple[str, str]],
    dataset: str,
    output: str,
) -> None:
    """Write what the maps report of their stability.

    Args:
        reported: what `stability_cases` wrote.
        classifiers: the classifier of each.
        combos: classifier and explainer of the rows, in their order.
        output: the CSV to write; only its header where there are no maps.
    """
    tables = {
        name: read_parquet(path, STABILITY_CASES.names)
        for name, path in zip(classifiers, reported, strict=True)
    }
    write_csv(summarize_stability(dataset, combos, tables), output)


if __name__ == "__main__":
    run_job(main, snakemake)
