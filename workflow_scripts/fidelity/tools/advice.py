"""Advice below Snakemake's own message about an error before the first job."""

import logging
from collections.abc import Callable, Mapping


class Advice(logging.Filter):
    """Adds to Snakemake's message what to do about the error."""

    def __init__(self, advice: Mapping[str, Callable[[str], str]]) -> None:
        """Remember what words the advice.

        Args:
            advice: by name of Snakemake's exception, a function of its message.
        """
        super().__init__()
        self.advice = advice

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the advice to the record of an exception that has one; let every record pass."""
        told = self.advice.get(getattr(record, "exception", None) or "")
        if told:
            record.msg = f"{record.msg}\n\n{told(str(record.msg))}"
        return True
