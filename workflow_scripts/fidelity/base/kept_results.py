"""Keep results of earlier settings next to a job's output, to restore them within a second.

Snakemake removes the output of a job before the job starts, and after it has failed. Earlier
results would therefore be lost if a user tries a setting and reverts it. The same holds if a plugin
raises an error, or if a cluster refuses a submission. A finished job therefore leaves hard links to
its output under a fingerprint of everything that decides it. The links need no disk space while the
output exists:

    results/…/maps/test-000.h5
    results/…/maps/.kept/test-000.h5/<fingerprint>/{0.h5, kept.json}

`update()` of Snakemake 9.27 does not solve this. It restores nothing after a refused submission.
For an output that it restores, it records the settings of the failed job.
"""

import hashlib
import json
import logging
import os
import resource
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fidelity.base import counting
from fidelity.base.files import MARK, all_but_newest, atomic_path, content_hash

FOLDER = ".kept"
NOTE = "kept.json"
# Number of results kept per output, including the current one.
BOUND = 2
# Params that decide how a job ends or where it looks, but not what it computes.
LEFT_OUT = {"max_failed_cases"}
# Set if a user forces jobs (--forceall, --forcerun): these compute and restore nothing.
FORCED = "XRAY_FIDELITY_FORCED"

log = logging.getLogger(__name__)


@contextmanager
def results_of(job: Any, also: str = "") -> Iterator[bool]:
    """Restore a job's earlier results if nothing that decides them changed; else keep new ones.

    Args:
        job: the script's `snakemake`; its `rule`, `params`, `input` and `output` are read.
        also: text with anything else that decides the result, besides parameters and input files.

    Yields:
        True if the output was restored and nothing is left to do; False if the block must compute
        it.
    """
    outputs = [Path(path) for path in job.output]
    store = outputs[0].parent / FOLDER / outputs[0].name
    name = fingerprint(job.rule, dict(job.params.items()), job.input, also)
    there = os.environ.get(FORCED) != "1" and _take(store / name, outputs)
    began = time.perf_counter()
    yield there
    if not there:
        _keep(store / name, outputs, time.perf_counter() - began)
    _drop_oldest(store)


def fingerprint(rule: str, params: Mapping[str, Any], inputs: Iterable[str], also: str = "") -> str:
    """Hash everything that decides the output of a job, to 32 hexadecimal digits.

    Args:
        params: parameters of the job, including the digest of its code.
        inputs: input files, hashed by content; a folder is hashed by its name.
    """
    contents = [p.name if (p := Path(path)).is_dir() else content_hash(p) for path in inputs]
    counted = {key: value for key, value in params.items() if key not in LEFT_OUT}
    text = json.dumps([rule, counted, contents, also], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _take(folder: Path, outputs: list[Path]) -> bool:
    """Link kept results back to their paths; return False if there are none or a file changed."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        kept = [folder / name for name in note["files"]]
        if list(map(content_hash, kept)) != list(note["files"].values()):
            raise ValueError("a file was changed")
        if len(kept) != len(outputs):
            raise ValueError("the number of files differs")
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s is damaged (%s) and is removed", folder, error)
        shutil.rmtree(folder, ignore_errors=True)
        return False
    for source, output in zip(kept, outputs, strict=True):
        with atomic_path(output) as temporary:
            _link(source, temporary)
        os.utime(output)  # newer than the inputs; otherwise Snakemake would run the job again
    os.utime(folder)
    counting.restore(note["passes"], note["took"])
    log.info("result reused from %s: its settings, code and input are the same", folder)
    return True


def _keep(folder: Path, outputs: list[Path], seconds: float) -> None:
    """Link new results to the store. If this fails, the job still succeeds, with a warning."""
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.{MARK}")
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
        hashes = {}
        for number, output in enumerate(outputs):
            name = f"{number}{output.suffix}"
            _link(output, unfinished / name)
            hashes[name] = content_hash(output)
        note = {"files": hashes, "passes": counting.passes(), "took": _took(seconds)}
        (unfinished / NOTE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    except OSError as error:
        log.warning("the result could not be stored for reuse (%s)", error)
        shutil.rmtree(unfinished, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links, such as exFAT
        shutil.copy2(source, target)


def _took(seconds: float) -> dict[str, float]:
    """Return the cost of a job, with the keys of `provenance.steps`."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(sum(part.ru_utime + part.ru_stime for part in used), 2),
        "peak_memory_mb": round(max(part.ru_maxrss for part in used) / 1024, 2),
    }


def _drop_oldest(store: Path) -> None:
    """Remove results beyond the limit, and the remains of killed jobs."""
    with suppress(OSError):  # another job may be changing the same folder
        found = list(store.iterdir())
        whole = [path for path in found if not path.name.endswith(MARK)]
        own = f".{os.getpid()}.{MARK}"
        left = [path for path in found if path.name.endswith(MARK) and not path.name.endswith(own)]
        for path in [*all_but_newest(whole, BOUND), *left]:
            shutil.rmtree(path, ignore_errors=True)
