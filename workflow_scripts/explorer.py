"""Write the explorer of a data set: a folder with a page on which its cases can be browsed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.analysis.columns.described_table import read_if
from fidelity.analysis.columns.localization import STRATA_CASES
from fidelity.base.job_log import run_job
from fidelity.datasets.prepared_list import listed
from fidelity.pages.explorer.build import build
from fidelity.presentation.titles import showing


def main(
    prepared: Sequence[str],
    maps: Sequence[str],
    masks: Sequence[str],
    scores: Sequence[str],
    settings: Mapping[str, Any],
    output: str,
    ranking: Sequence[str] = (),
    told: str = "",
) -> None:
    """Write the folder."""
    build(
        Path(output),
        prepared,
        maps=maps,
        masks=masks,
        scores=scores,
        ranking=ranking,
        settings=settings,
        told=read_if(STRATA_CASES, told),
    )


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake, prepared=lambda job: listed(job.input.prepared))
