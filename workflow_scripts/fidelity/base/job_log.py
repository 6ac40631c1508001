"""Log a job to the rule's log file and to stderr, with tracebacks, and define how a job ends."""

import inspect
import logging
import os
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from fidelity.base import counting
from fidelity.base.errors import INTERRUPTED, InputError
from fidelity.base.files import disk_error, write_csv, write_parquet
from fidelity.base.kept_results import results_of

# Function that writes a table, by file suffix.
WRITERS = {".csv": write_csv, ".parquet": write_parquet}
# Seconds between two checks whether Snakemake is still running.
WATCH_SECONDS = 1.0


class _Quiet(logging.FileHandler):
    """A log file that ignores its own errors: on a full disk the message still reaches stderr."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        del record

    def close(self) -> None:
        with suppress(OSError):
            super().close()


# Folders of installed libraries; their messages below a warning are not shown to the user.
_LIBRARIES = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib"))


def _is_ours(record: logging.LogRecord) -> bool:
    """Keep messages of the project, plugins and `warnings`; of libraries only from WARNING on."""
    return record.levelno >= logging.WARNING or not record.pathname.startswith(_LIBRARIES)


@contextmanager
def job_log(path: str | Path) -> Iterator[logging.Logger]:
    """Log to `path` and stderr; end the process with status 1 on an error.

    An InputError and a full or read-only disk are logged as one sentence, other errors with their
    traceback. Both include the error's notes, such as the current case (`errors.at_case`).

    A job ends cleanly on Ctrl-C, on SIGTERM (a cluster's time limit, `scancel`), and when the
    Snakemake that started it dies. Temporary files are then removed, and the status is 128 plus the
    signal's number. The number of images that passed through networks is written next to the log
    (`fidelity.base.counting`).
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    # At first use it warns that building its font list takes a while.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    handlers = [_Quiet(path, mode="w", encoding="utf-8"), logging.StreamHandler()]
    for handler in handlers:
        handler.setFormatter(formatter)
        handler.addFilter(_is_ours)
        root.addHandler(handler)
    try:
        with _ended_by_signals(root):
            counting.begin(path)
            yield root
            counting.finish(path)
    except InputError as error:
        root.error("%s%s", error, _notes(error))
        sys.exit(1)
    except KeyboardInterrupt:
        root.error(INTERRUPTED)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        found = disk_error(error, error.filename or path) if isinstance(error, OSError) else None
        if found is None:
            root.exception("the job failed%s", _notes(error))
        else:
            root.error("%s", found)
        sys.exit(1)
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def run_job(
    main: Callable[..., Any],
    job: Any,
    *,
    keep: bool = False,
    also: str = "",
    **given: str | Callable[[Any], Any],
) -> None:
    """Run a script's `main` under `job_log`, with arguments taken from its rule by name.

    A returned table is written to the rule's output; several tables are written to the outputs in
    their order. The suffix of the file decides between CSV and Parquet.

    A parameter takes the param, input, output or wildcard of its name, in this order, or else the
    key of the param `settings`. `output` is the rule's first output, unless one of them has that
    name. A parameter keeps its default if the rule does not have its name, or if the input of its
    name has no files. If the type of a parameter is a settings model, a mapping is converted to
    this model (`Section.of_job`). A script documents only the parameters that neither its rule nor
    the called functions document.

    Args:
        main: a function of the script or of the library.
        keep: restore or keep the results (`fidelity.base.kept_results`).
        also: see `results_of`.
        **given: parameter → its name in the rule if that differs, or a function of `job`.
    """
    results = results_of(job, also) if keep else nullcontext(False)
    with job_log(job.log[0]), results as there:
        if not there:
            made = main(**_arguments(main, job, given))
            if made is not None:
                tables = made if isinstance(made, tuple) else (made,)
                for table, path in zip(tables, job.output, strict=True):
                    WRITERS[Path(path).suffix](table, path)


def _arguments(main: Callable[..., Any], job: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Map the parameters of `main` to the values of the rule."""
    rule = {**job.params.get("settings", {}), "output": job.output[0]}
    for part in (job.wildcards, job.output, job.input, job.params):
        rule |= dict(part.items())
    empty = {name for name, files in job.input.items() if not files}
    found = {}
    for name, parameter in inspect.signature(main).parameters.items():
        source = given.get(name, name)
        if callable(source):
            found[name] = source(job)
        elif source in rule and (source not in empty or parameter.default is parameter.empty):
            found[name] = rule[source]
        if name in found and hasattr(parameter.annotation, "of_job"):
            found[name] = parameter.annotation.of_job(found[name])
    return found


def _notes(error: Exception) -> str:
    """Format the notes of an error, such as " (case 'a')"; empty if there are none."""
    notes = getattr(error, "__notes__", [])
    return f" ({', '.join(notes)})" if notes else ""


@contextmanager
def _ended_by_signals(root: logging.Logger) -> Iterator[None]:
    """End cleanly on SIGTERM, and also when the parent process is gone.

    Without this, a job that outlives a killed Snakemake would work in vain. The next run discards
    the final files of an incomplete job, but reuses its finished batches.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        del frame
        root.error("stopped by %s; run again to continue", signal.Signals(number).name)
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    done, parent = threading.Event(), os.getppid()

    def watch() -> None:
        while not done.wait(WATCH_SECONDS):
            if os.getppid() != parent:
                root.error(
                    "the process that started this job (Snakemake) has ended, so this job stops"
                )
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, name="watch parent", daemon=True).start()
    try:
        yield
    finally:
        done.set()
        signal.signal(signal.SIGTERM, before)
