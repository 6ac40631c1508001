"""Logging of one job: to the rule's log file and to stderr, tracebacks included."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fidelity import counting
from fidelity.errors import InputError

_case = ""


def working_on(case: str) -> None:
    """Remember the case in hand, so that the log of a job that fails names it; "" for none."""
    global _case
    _case = case


@contextmanager
def job_log(path: str | Path) -> Iterator[logging.Logger]:
    """Log to `path` and stderr; end the process with status 1 on an error.

    An InputError is shown as its one sentence, anything else with its traceback and the case that
    was in hand (`working_on`). The images that
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
    working_on("")
    try:
        yield root
        counting.finish(path)
    except InputError as error:
        notes = getattr(error, "__notes__", [])
        root.error("%s%s", error, f" ({', '.join(notes)})" if notes else "")
        sys.exit(1)
    except Exception:
        root.exception("the job failed%s", f" at case {_case!r}" if _case else "")
        sys.exit(1)
    finally:
        for handler in handlers:
            handler.close()
            root.removeHandler(handler)
