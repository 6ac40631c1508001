"""The one error a user's input can cause."""

from pathlib import Path


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
        """Store the parts and join them to one line.

        Args:
            problem: what is wrong, without a full stop.
            file: the file it was found in.
            field: the config key, column or class concerned.
            remedy: what the user can do about it.
        """
        self.problem, self.file, self.field, self.remedy = problem, file, field, remedy
        where = ", ".join(
            part for part in (str(file) if file else "", f"'{field}'" if field else "") if part
        )
        text = f"{where}: {problem}" if where else problem
        super().__init__(f"{text}. {remedy}" if remedy else text)
