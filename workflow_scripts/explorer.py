"""Write the explorer of a data set: a folder with a page for browsing its cases."""

from pathlib import Path

from fidelity.analysis.columns.described_table import read_if
from fidelity.analysis.columns.localization import STRATA_CASES
from fidelity.base.job_log import run_job
from fidelity.datasets.prepared_list import listed
from fidelity.pages.explorer.build import build
from fidelity.presentation.titles import showing

if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(
            build,
            snakemake,
            folder=lambda job: Path(job.output[0]),
            prepared=lambda job: listed(job.input.prepared),
            told=lambda job: read_if(STRATA_CASES, job.input.told),
        )
