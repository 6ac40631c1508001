"""Find the case that a name in a file of annotations or records, or of a mask, refers to."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case

# Ways to name a case, in this order: the first way in which a name fits a case counts.
NAMES: tuple[Callable[[Case], str], ...] = (
    lambda case: case.case,
    lambda case: case.image,
    lambda case: case.image.rpartition("/")[2],
    lambda case: case.image.rpartition("/")[2].rpartition(".")[0],
)


class CaseNames:
    """The cases of a data set by id, path, file name and file name without ending."""

    def __init__(self, cases: Iterable[Case]) -> None:
        cases = list(cases)
        self._found: dict[str, list[str]] = {}
        for name_of in NAMES:
            named: defaultdict[str, dict[str, None]] = defaultdict(dict)
            for case in cases:
                named[name_of(case)][case.case] = None
            for name, ids in named.items():
                self._found.setdefault(name, list(ids))

    def find(self, name: str, file: str | Path, field: str, where: str = "") -> str | None:
        """Return the id of the case that a name refers to; None if no case has it.

        Args:
            where: the place in the file, with which an error begins.

        Raises:
            InputError: it is the name of several images.
        """
        ids = self._found.get(name, [])
        if len(ids) > 1:
            raise InputError(
                f"{where}{name!r} is the name of {len(ids)} images (cases {ids[0]!r} and"
                f" {ids[1]!r})",
                file=file,
                field=field,
                remedy="Write the case id instead",
            )
        return ids[0] if ids else None
