"""The only error that a user's input can cause, and the messages of a stopped job."""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

# Last line of a job's log after Ctrl-C.
INTERRUPTED = "interrupted; run again to continue"


class InputError(ValueError):
    """An error in what the user provided: one sentence with file, field and remedy."""

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
    """Return the first line of an error, at most 160 characters; its type if it has no text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]


@contextmanager
def at_case(case: str) -> Iterator[None]:
    """Add the current case as a note to errors raised in the block; the job's log shows the note.

    An InputError whose field already names the case is unchanged.
    """
    try:
        yield
    except Exception as error:
        if case not in (getattr(error, "field", None) or ""):
            error.add_note(f"case {case!r}")
        raise


@contextmanager
def under(prefix: str, keys: Container[str] = ()) -> Iterator[None]:
    """Extend the fields of errors raised in the block to full config keys.

    Args:
        prefix: config key above the fields, such as "classifiers.resnet18".
        keys: fields that are config keys even if the error names a file. Other fields of such an
            error are columns of the file.

    Raises:
        InputError: the error from the block, with `prefix` before its field. It is unchanged if it
            is about a file and not the config.
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
