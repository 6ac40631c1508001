"""Rule list_prepared: one small file that stands for all prepared shards of a data set."""

from collections.abc import Sequence

from fidelity.base.job_log import run_job
from fidelity.datasets.prepared_list import write_list


def main(prepared: Sequence[str], classes: str, output: str) -> None:
    """List the shards with digests of their contents, beside what classes.json says.

    Args:
        prepared: prepared shards, in their order.
        output: the list, in the folder of the shards.
    """
    write_list(prepared, classes, output)


if __name__ == "__main__":
    run_job(main, snakemake)
