"""Keep the warnings about a data set for the verdict, because few people read a log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path
from sys import maxsize

# Marks a warning (`extra=`) whose facts are in the case tables.
IN_TABLES = {"in_tables": True}


@contextmanager
def kept_warnings(root: Path) -> Iterator[list[str]]:
    """Collect the warnings of indexing a data set, except those whose facts the case tables show.

    Args:
        root: folder of the data; paths of files below it are shortened.

    Yields:
        A list, which is filled at the end: each warning once, in order.
    """
    log, buffer, kept = logging.getLogger("fidelity.datasets"), BufferingHandler(maxsize), []
    buffer.setLevel(logging.WARNING)
    log.addHandler(buffer)
    try:
        yield kept
    finally:
        log.removeHandler(buffer)
        told = [r.getMessage() for r in buffer.buffer if not hasattr(r, *IN_TABLES)]
        kept += dict.fromkeys(text.replace(f"{root}/", "") for text in told)
