"""Join scores and layers of the layer sweeps into tables/layers.csv."""

from collections.abc import Mapping, Sequence

from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.layer_depth import by_depth
from fidelity.base.files import read_json, write_csv
from fidelity.base.job_log import run_job


def main(
    localization: str,
    architectures: Sequence[str],
    classifiers: Sequence[str],
    sweeps: Mapping[str, list[str]],
    layers: str,
) -> None:
    """Write the means of the sweeps with the layer each comes from.

    Args:
        architectures: architecture.json of each classifier.
        classifiers: their names, in that order.
        sweeps: sweep → its explainers from the earliest layer to the last.
    """
    known = {name: read_json(path) for name, path in zip(classifiers, architectures, strict=True)}
    table = by_depth(LOCALIZATION.read(localization), sweeps, known)
    write_csv(table, layers)


if __name__ == "__main__":
    run_job(main, snakemake)
