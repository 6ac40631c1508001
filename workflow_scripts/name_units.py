"""Print the folders of a unit, one per data set: the targets that `make unit` gives Snakemake."""

from collections.abc import Sequence

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.settings.reading import load_file, run
from fidelity.study import paths
from fidelity.study.study import Study


def folders(config: str, overrides: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the folders of a unit; refuse an unknown unit or data set.

    Args:
        names: the unit, optionally followed by a data set; without it, all data sets.
    """
    cfg = load_file(config, overrides, check_files=False)
    unit, *datasets = names
    study = Study(cfg)
    for name, known, field in (
        (unit, study.units, "UNIT"),
        *((name, study.datasets, "DATASET") for name in datasets),
    ):
        if name not in known:
            raise InputError(
                f"{name!r} does not exist in this config",
                file=config,
                field=field,
                remedy=suggestion(name, known),
            )
    return [paths.UNIT.format(dataset=name, unit=unit) for name in datasets or study.datasets]


def main(config: str, overrides: Sequence[str], names: Sequence[str]) -> None:
    """Print the folders of a unit on one line; see `folders`."""
    print(*folders(config, overrides, names))


if __name__ == "__main__":
    run(main, __doc__, targets=True)
