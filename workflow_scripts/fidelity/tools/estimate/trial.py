"""Run the script of a job in a miniature of the study, and measure its cost."""

import json
import os
import re
import resource
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fidelity.base.kept_results import FORCED
from fidelity.study import paths
from fidelity.tools.estimate.plan import Job

SCRIPTS = Path(__file__).parents[3]
# Libraries that the scripts import; they are loaded once, before the trials.
LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "monai.networks.nets",
    "monai.losses",
    "cv2",
    "h5py",
    "skimage.segmentation",
    "sklearn.linear_model",
    "scipy.stats",
    "statsmodels.formula.api",
    "pandas",
    "pyarrow.parquet",
    "matplotlib.pyplot",
)


@dataclass(frozen=True)
class Measured:
    """Cost of a trial.

    Attributes:
        wall: wall-clock seconds.
        cpu: processor seconds, over all threads.
        size: bytes of its output.
        error: last lines of its messages if it failed; otherwise empty.
    """

    wall: float
    cpu: float
    size: int
    error: str = ""


def load_libraries() -> None:
    """Import all libraries before the trials; the start of a job is measured separately."""
    import importlib

    os.environ.setdefault("MPLBACKEND", "agg")
    sys.path.insert(0, str(SCRIPTS))
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    for path in sorted(Path(__file__).parents[2].rglob("*.py")):
        name = ".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
        if "estimate" not in name and not name.endswith("__init__"):
            importlib.import_module(name)


def run_warm(job: Job, root: Path, changes: dict[str, Any] | None = None) -> Measured:
    """Run a job's script in a fork of this process, which has already imported the libraries.

    Args:
        changes: parameters that replace the planned ones. `blocks` lists the positions of the input
            files `scores` (and of the parameter `combos`) to keep.

    Returns:
        The cost of the job without its imports.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reader)
            code = _child(job, root, changes, writer)
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    if not said:
        return Measured(0, 0, 0, "the trial was killed")
    wall, cpu, error = json.loads(said)
    return Measured(wall, cpu, _size(job, root), error)


def run_cold(job: Job, root: Path, changes: dict[str, Any], pickled: Path) -> Measured:
    """Run a job's script in a fresh process, as Snakemake does."""
    import pickle

    pickled.write_bytes(pickle.dumps((job, root, changes)))
    program = (
        f"import sys, pickle; sys.path.insert(0, {str(SCRIPTS)!r}); "
        "from fidelity.tools.estimate.trial import execute; "
        f"execute(*pickle.load(open({str(pickled)!r}, 'rb')))"
    )
    environment = {**os.environ, FORCED: "1"}
    started = time.perf_counter()
    with (root / "cold.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=log, stderr=log, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    wall = time.perf_counter() - started
    error = "failed in a process of its own" if status else ""
    return Measured(wall, usage.ru_utime + usage.ru_stime, _size(job, root), error)


def time_notebook(folder: Path) -> tuple[float, float]:
    """Time the start of a notebook, by executing an empty one: (wall, cpu) seconds."""
    notebook = folder / "empty.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    source = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import fidelity.figures.gallery"
    cell = {"cell_type": "code", "source": source, "metadata": {}}
    cell |= {"execution_count": None, "outputs": [], "id": "a"}
    text = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    notebook.write_text(json.dumps(text), encoding="utf-8")
    command = [sys.executable, "-m", "nbconvert", "--log-level", "ERROR", "--execute", "--inplace"]
    command += ["--to", "notebook", str(notebook)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def execute(job: Job, root: Path, changes: dict[str, Any] | None = None) -> None:
    """Run a job's script in this process, with its files below `root`."""
    given = placed(job, root, changes)
    for path in [*given.output, *given.log]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    sys.path[:0] = [str(Path(job.script).parent), str(SCRIPTS)]
    names = {"__name__": "__main__", "__file__": job.script, "snakemake": given}
    exec(compile(_source(job), job.script, "exec"), names)  # noqa: S102 - the project's own script


def placed(job: Job, root: Path, changes: dict[str, Any] | None = None) -> SimpleNamespace:
    """Return a script's `snakemake` object, with all result paths moved to the miniature."""
    original = job.snakemake()
    input_ = _listed(original.input, lambda item: _place(str(item), root))
    for name, (start, end) in list(dict(input_._get_names()).items()):  # noqa: SLF001
        # Behind a checkpoint that must still run, Snakemake knows only the folder.
        dataset = job.wildcards.get("dataset")
        if end is None and input_[start] == f"{root}/{paths.SHARDS.format(dataset=dataset)}":
            pattern = paths.SHARD_CLASSES if name == "classes" else paths.SHARD_CASES
            input_[start] = f"{root}/{pattern.format(**job.wildcards)}"
            input_._set_name(name, start)  # noqa: SLF001
    changes = dict(changes or {})
    blocks = changes.pop("blocks", None)
    if blocks is not None:
        start, _ = dict(input_._get_names())["scores"]  # noqa: SLF001
        end = start + len(original.params.combos)
        input_ = _kept(
            input_, [*range(start), *(start + n for n in blocks), *range(end, len(input_))]
        )
        changes["combos"] = [original.params.combos[n] for n in blocks]
    params = _listed(original.params, lambda item: _place(item, root))
    for name, value in changes.items():
        place = dict(params._get_names())[name][0]  # noqa: SLF001
        params[place] = value
        params._set_name(name, place)  # noqa: SLF001
    return SimpleNamespace(
        input=input_,
        output=_listed(original.output, lambda item: _place(str(item), root)),
        params=params,
        log=_listed(original.log, lambda item: _place(str(item), root)),
        wildcards=original.wildcards,
        threads=original.threads,
        resources=original.resources,
        rule=original.rule,
        config={},
        scriptdir=original.scriptdir,
    )


def _listed(files: Any, change: Any) -> Any:
    """Copy a named list of Snakemake, with each item changed."""
    new = type(files)()
    new.extend(change(item) for item in files)
    new._take_names(files._get_names())  # noqa: SLF001
    return new


def _kept(files: Any, places: list[int]) -> Any:
    """Copy a named list of Snakemake, keeping only some items."""
    new = type(files)()
    new.extend(files[place] for place in places)
    for name, (start, end) in files._get_names():  # noqa: SLF001
        begin = sum(place < start for place in places)
        if end is None:
            new._set_name(name, begin)  # noqa: SLF001
        else:
            new._set_name(name, begin, end=begin + sum(start <= p < end for p in places))  # noqa: SLF001
    return new


def _place(value: Any, root: Path) -> Any:
    if isinstance(value, str):
        return f"{root}/{value}" if paths.is_result(value) else value
    if isinstance(value, dict):
        return {key: _place(item, root) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_place(item, root) for item in value)
    return value


def _source(job: Job) -> str:
    """Read a script, or the code of a notebook."""
    text = Path(job.script).read_text(encoding="utf-8")
    if not job.script.endswith(".ipynb"):
        return text
    cells = [c["source"] for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    joined = "\n".join("".join(cell) for cell in cells)
    return re.sub(r"^%.*$", "", joined, flags=re.M)


def _child(job: Job, root: Path, changes: dict[str, Any] | None, writer: int) -> int:
    os.environ[FORCED] = "1"
    log = os.open(root / "trial.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    error = ""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        execute(job, root, changes)
    except SystemExit as end:
        error = f"ended with status {end.code}" if end.code else ""
    except BaseException:  # noqa: BLE001 - any error of a trial is reported, and the rest goes on
        error = traceback.format_exc()[-600:]
    taken = (time.perf_counter() - wall, time.process_time() - cpu)
    if error:
        sys.stderr.flush()
        error = (root / "trial.log").read_text(encoding="utf-8", errors="replace")[-600:] + error
    with os.fdopen(writer, "w", encoding="utf-8") as pipe:
        json.dump((*taken, error), pipe)
    return 0


def _size(job: Job, root: Path) -> int:
    total = 0
    for output in job.outputs:
        path = root / output
        files = path.rglob("*") if path.is_dir() else [path]
        total += sum(file.stat().st_size for file in files if file.is_file())
    return total
