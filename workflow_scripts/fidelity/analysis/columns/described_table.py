"""A described table: its columns, data frames with exactly these columns, and its reader."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fidelity.base.errors import InputError
from fidelity.base.files import AGAIN, read_csv

if TYPE_CHECKING:
    import pandas as pd

    from fidelity.digests.markers import Description

Kind = Literal["text", "count", "number", "numbers", "flag", "flag or unknown"]
TYPES: dict[Kind, str] = {
    "text": "str",
    "count": "int64",
    "number": "float64",
    "numbers": "object",
    "flag": "bool",
    "flag or unknown": "boolean",
}


@dataclass(frozen=True)
class Column:
    """A column of a result table.

    Attributes:
        kind: `text`, `count` (a whole number), `number` (empty if undefined), `numbers` (a list, in
            Parquet files), `flag`, or `flag or unknown` (empty if not known).
        measured_in: unit or range of a number; empty where the metric of the row decides.
    """

    name: str
    kind: Kind
    meaning: "Description"
    measured_in: "Description" = ""


def text(name: str, meaning: "Description") -> Column:
    """Describe a column of names or words."""
    return Column(name, "text", meaning)


def count(name: str, meaning: "Description") -> Column:
    """Describe a column of whole numbers."""
    return Column(name, "count", meaning)


def number(name: str, meaning: "Description", measured_in: "Description" = "") -> Column:
    """Describe a column of numbers."""
    return Column(name, "number", meaning, measured_in)


def numbers(name: str, meaning: "Description", measured_in: "Description" = "") -> Column:
    """Describe a column of lists of numbers."""
    return Column(name, "numbers", meaning, measured_in)


@dataclass(frozen=True)
class Table:
    """A result table with the pattern of its file (`study.paths`)."""

    file: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return [column.name for column in self.columns]

    @property
    def numbers(self) -> list[str]:
        """Names of the columns that hold counts or numbers."""
        return [column.name for column in self.columns if column.kind in ("count", "number")]

    @property
    def types(self) -> dict[str, str]:
        """Column → the pandas type of its values."""
        return {column.name: TYPES[column.kind] for column in self.columns}

    def of_kind(self, kind: Kind) -> list[str]:
        """Names of the columns of one kind."""
        return [column.name for column in self.columns if column.kind == kind]

    def with_metrics(self, names: Iterable[str]) -> "Table":
        """Add a column of numbers per metric, on the right."""
        more = tuple(number(name, f"value of the metric {name}") for name in names)
        return replace(self, columns=(*self.columns, *more))

    def of_metrics(self, names: Iterable[str]) -> "Table":
        """Keep the text columns and add a column per metric, for a table of cases read in part."""
        texts = tuple(column for column in self.columns if column.kind == "text")
        return replace(self, columns=texts).with_metrics(names)

    def frame(self, rows: Any = ()) -> "pd.DataFrame":
        """Make a table of rows (dicts or tuples) with exactly these columns."""
        import pandas as pd

        return pd.DataFrame(list(rows), columns=self.names)

    def typed(self, rows: Any = ()) -> "pd.DataFrame":
        """Make a table whose columns have their types even if it has no rows."""
        return self.frame(rows).astype(self.types)

    def read(self, path: str | Path) -> "pd.DataFrame":
        """Read the CSV file; text stays as it is written ("NA" and "001" stay text).

        Returns:
            The table: counts and numbers as such, an empty cell as nan; all other columns as text.

        Raises:
            InputError: the file is damaged, a number column is missing, or it holds something else.
        """
        import pandas as pd

        table = read_csv(path, self.numbers, dtype=str, keep_default_na=False)
        for name in self.numbers:
            try:
                table[name] = pd.to_numeric(table[name].replace("", float("nan")))
            except ValueError as error:
                raise InputError(
                    f"the column contains values that are not numbers ({error})",
                    file=path,
                    field=name,
                    remedy=AGAIN,
                ) from error
        return table


def read_if(table: Table, path: str | Path | None) -> "pd.DataFrame | None":
    """Read a table's file as `Table.read` does; None if the job has no such file (empty path)."""
    return table.read(path) if path else None


def joined(tables: "Sequence[pd.DataFrame]") -> "pd.DataFrame":
    """Concatenate tables with the same columns; at least one is required."""
    import pandas as pd

    # Empty tables have no column types that could match; keep one for its columns.
    filled = [table for table in tables if len(table)] or tables[:1]
    return pd.concat(filled, ignore_index=True)


def names_of(columns: Iterable[Column]) -> list[str]:
    """Return the names of some columns, for grouping."""
    return [column.name for column in columns]
