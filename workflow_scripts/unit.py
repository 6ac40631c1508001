"""Pack the per-case results of one training into a folder small enough to commit."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.joblog import job_log
from fidelity.provenance.machine import code_version, environment
from fidelity.units.unit import write_unit

log = logging.getLogger(__name__)

# A repository holds many units.
LARGE = 4_000_000


def main(
    name: str,
    dataset: str,
    paths: Sequence[str],
    own: Mapping[str, Any],
    shared: Mapping[str, Any],
    code: Mapping[str, str],
    output: str,
) -> None:
    """Pack a unit.

    Args:
        name: the classifier, training seed included; `none` for what no classifier changes.
        dataset: key of the data set.
        paths: result files, below the folder `results`.
        own: config entries that only this unit depends on.
        shared: config entries that all units share.
        code: digest of the code behind each rule.
        output: the folder to write.
    """
    folder = Path(output)
    write_unit(
        folder,
        Path("results"),
        paths,
        name=name,
        dataset=dataset,
        own=own,
        shared=shared,
        code=code,
        versions={"code": code_version(), **environment()},
    )
    size = sum(path.stat().st_size for path in folder.iterdir())
    log.info("%d files, %.2f MB", len(list(folder.iterdir())), size / 1e6)
    if size > LARGE:
        log.warning("the unit is larger than 4 MB: list fewer metrics under scores.metrics")


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            name=snakemake.wildcards.unit,
            dataset=snakemake.wildcards.dataset,
            paths=snakemake.params.paths,
            own=snakemake.params.own,
            shared=snakemake.params.shared,
            code=snakemake.params.code,
            output=snakemake.output[0],
        )
