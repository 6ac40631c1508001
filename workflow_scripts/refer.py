"""Rule refer: combine the readers' masks of one shard into references."""

from fidelity.base.job_log import run_job
from fidelity.datasets.prepared import PreparedShard, write_references
from fidelity.datasets.readers.references import check_rule, refer


def main(prepared: str, cases: str, reference: str, output: str) -> None:
    """Write the shard with its references; its images are not copied.

    Args:
        cases: the case table, which lists all readers.
        reference: how references are combined: `union`, `intersection`, `majority`, `staple`, or
            the name of one reader.
    """
    check_rule(reference, cases)
    with PreparedShard(prepared) as shard:
        write_references(output, prepared, refer(shard, reference))


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
