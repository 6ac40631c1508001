"""The one error a user's input can cause, and what a stopped job reports."""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

# What a job's log ends with after Ctrl-C.
INTERRUPTED = "interrupted; run again to continue"


class InputError(ValueError):
    """Something the user gave cannot be used: one sentence with file, field and remedy."""

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Store the parts and join them to one line."""
        self.problem, self.file, self.field, self.remedy = problem, file, field, remedy
        where = ", ".join(
            part for part in (str(file) if file else "", f"'{field}'" if field else "") if part
        )
        text = f"{where}: {problem}" if where else problem
        super().__init__(f"{text}. {remedy}" if remedy else text)


def first_line(error: Exception) -> str:
    """Give the first line of an error, at most 160 characters; its kind if it has no text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]


@contextmanager
def at_case(case: str) -> Iterator[None]:
    """Note the case in hand on errors that are raised inside: the job's log names it.

    An InputError that names the case as its field stays as it is.
    """
    try:
        yield
    except Exception as error:
        if case not in (getattr(error, "field", None) or ""):
            error.add_note(f"case {case!r}")
        raise


@contextmanager
def under(prefix: str, keys: Container[str] = ()) -> Iterator[None]:
    """Name the fields of errors that are raised inside in full, as config keys.

    Args:
        prefix: what the fields lie under, such as "classifiers.resnet18".
        keys: fields that are config keys even where the error names a file, in which other fields
            are columns.

    Raises:
        InputError: the one raised inside, its field after `prefix`; as it was where a file was at
            fault, not the config.
    """
    try:
        yield
    except InputError as error:
        if error.file and error.field not in keys:
            raise
        field = f"{prefix}.{error.field}" if error.field else prefix
        raise InputError(
            error.problem, file=error.file, field=field, remedy=error.remedy
        ) from error
