"""Name the folders of a unit, one per data set: what `make unit` asks Snakemake for."""

from collections.abc import Sequence

from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.settings.command import run
from fidelity.settings.reading import load_file
from fidelity.units.workflow_rules import NONE


def folders(config: str, overrides: Sequence[str], names: Sequence[str]) -> list[str]:
    """Name the folders of a unit.

    Args:
        config: path of the YAML file.
        overrides: KEY=VALUE.
        names: the unit, and a data set if the unit of one data set is wanted.

    Raises:
        InputError: there is no such unit or data set.
    """
    cfg = load_file(config, overrides, check_files=False)
    unit, *datasets = names
    units = [NONE, *settings.expand_classifiers(cfg), *settings.repeated(cfg)]
    for name, known, field in (
        (unit, units, "UNIT"),
        *((name, cfg["datasets"], "DATASET") for name in datasets),
    ):
        if name not in known:
            raise InputError(
                f"there is no {name!r}", file=config, field=field, remedy=suggestion(name, known)
            )
    return [f"results/{name}/units/{unit}" for name in datasets or cfg["datasets"]]


def main(config: str, overrides: Sequence[str], names: Sequence[str]) -> None:
    """Print the folders of a unit on one line; see `folders`."""
    print(*folders(config, overrides, names))


if __name__ == "__main__":
    run(main, __doc__, targets=True)
