"""Rule refer: the references of one shard, from what its readers drew."""

from fidelity.base.job_log import run_job
from fidelity.datasets.prepared import PreparedShard, write_references
from fidelity.datasets.readers.references import check_rule, refer


def main(prepared: str, cases: str, reference: str, output: str) -> None:
    """Write the shard with the references that a rule makes; its images are not copied.

    Args:
        cases: the case table, which names all readers.
        reference: the rule: `union`, `intersection`, `majority`, `staple`, or a reader's name.
    """
    check_rule(reference, cases)
    with PreparedShard(prepared) as shard:
        write_references(output, prepared, refer(shard, reference))


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
