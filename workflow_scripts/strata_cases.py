"""List the strata of each case and class, from files and from its reference."""

from collections.abc import Sequence

from fidelity.analysis.case_strata import case_strata
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.prepared import PreparedShard
from fidelity.datasets.prepared_list import listed


def main(cases: str, prepared: Sequence[str], strata: Sequence[str], output: str) -> None:
    """Write the list.

    Args:
        cases: cases.csv.
        strata: those requested.
    """

    def explained():
        for path in prepared:
            with PreparedShard(path) as shard:
                yield from shard

    facts = {case.case: case.facts for case in read_cases(cases)}
    write_csv(case_strata(explained(), facts, strata), output)


if __name__ == "__main__":
    run_job(main, snakemake, prepared=lambda job: listed(job.input.prepared))
