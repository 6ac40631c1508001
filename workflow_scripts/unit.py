"""Pack the per-case results of one training into a folder small enough to commit."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.provenance.collect import cases_digest
from fidelity.study.paths import CASES, RESULTS, UNIT
from fidelity.units.unit import Unit, write_unit
from fidelity.units.unit_provenance import origin_of, write_cost

log = logging.getLogger(__name__)

# Bytes. Larger units raise a warning, because a repository holds many units.
LARGE = 4_000_000


def main(
    name: str,
    dataset: str,
    paths: Sequence[str],
    own: Mapping[str, Any],
    shared: Mapping[str, Any],
    shown: Mapping[str, Any],
    code: Mapping[str, str],
    plugins: Mapping[str, str],
    place: Sequence[int],
    patterns: Mapping[str, str],
    wanted: Mapping[str, Sequence[str]],
    output: str,
) -> None:
    """Pack a unit.

    Args:
        patterns: see `steps.read_steps`, also for `wanted`.
        output: the folder to write. The other parameters are fields of a `Unit`.
    """
    folder = Path(output)
    project = folder.parents[len(UNIT.split("/")) - 1]
    results = project / RESULTS
    unit = Unit(
        folder,
        name,
        dataset,
        own,
        shared,
        code,
        place=place,
        provenance=origin_of(dataset, name, results, paths),
        cases=cases_digest(project / CASES.format(dataset=dataset)),
        shown=shown,
    )
    write_unit(unit, results, paths, plugins)
    write_cost(folder, name, patterns, wanted, project)
    size = sum(path.stat().st_size for path in folder.iterdir())
    log.info("%d files, %.2f MB", len(list(folder.iterdir())), size / 1e6)
    if size > LARGE:
        log.warning(
            "the unit is larger than 4 MB. To make it smaller, list fewer metrics under"
            " scores.metrics"
        )


if __name__ == "__main__":
    run_job(main, snakemake, name="unit")
