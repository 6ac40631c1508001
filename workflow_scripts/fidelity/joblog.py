"""Logging of one job: to the rule's log file and to stderr, tracebacks included."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fidelity import counting
from fidelity.errors import InputError


@contextmanager
def job_log(path: str | Path) -> Iterator[logging.Logger]:
    """Log to `path` and stderr; end the process with status 1 on an error.

    An InputError is shown as its one sentence, anything else with its traceback. The images that
    went through networks are counted, and written beside the log (`fidelity.counting`).

    Args:
        path: the rule's log file.

    Yields:
        The root logger.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    handlers = [logging.FileHandler(path, mode="w", encoding="utf-8"), logging.StreamHandler()]
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    counting.begin(path)
    try:
        yield root
        counting.finish(path)
    except InputError as error:
        root.error("%s", error)
        sys.exit(1)
    except Exception:
        root.exception("the job failed")
        sys.exit(1)
    finally:
        for handler in handlers:
            handler.close()
            root.removeHandler(handler)
