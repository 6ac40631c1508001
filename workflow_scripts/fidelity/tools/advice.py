"""Add advice to Snakemake's own message about an error before the first job."""

import logging
from collections.abc import Callable, Mapping


class Advice(logging.Filter):
    """A log filter that adds to Snakemake's message how to fix the error."""

    def __init__(self, advice: Mapping[str, Callable[[str], str]]) -> None:
        """Store the advice.

        Args:
            advice: name of Snakemake's exception → function that turns its message into advice.
        """
        super().__init__()
        self.advice = advice

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the advice to the record of an exception that has one; keep every record."""
        told = self.advice.get(getattr(record, "exception", None) or "")
        if told:
            record.msg = f"{record.msg}\n\n{told(str(record.msg))}"
        return True
