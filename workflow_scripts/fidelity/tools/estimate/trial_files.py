"""Files of the miniatures that are copied, repeated or written empty instead of computed."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fidelity.datasets.prepared import PreparedShard, write_prepared
from fidelity.maps.saliency_map import write_maps
from fidelity.study import paths
from fidelity.tools.estimate.plan import Job


def copy_output(source: Job, here: Path, job: Job, there: Path) -> None:
    """Copy a job's output as the output of another job; missing files are skipped."""
    for old, new in zip(source.outputs, job.outputs, strict=False):
        origin, target = here / old, there / new
        if not origin.exists() or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, target)
        else:
            shutil.copyfile(origin, target)


def has_cases(job: Job) -> bool:
    """Check whether a miniature has cases for a job: only the first shard of a split has any."""
    return not job.wildcards.get("shard", "").partition("-")[2].strip("0")


def first_shard(path: str) -> str:
    return re.sub(r"-\d{3}\.h5$", "-000.h5", path)


def write_empty(job: Job, root: Path) -> None:
    """Write the output of a shard without cases, with the attributes of the first shard."""
    import h5py

    target = root / job.outputs[0]
    first = target.with_name(first_shard(target.name))
    if target.exists() or not first.exists():
        return
    with h5py.File(first) as file:
        attrs = dict(file.attrs)
    if job.rule == "prepare":
        write_prepared(target, [], {**attrs, "image_size": int(attrs["image_size"])})
    else:
        write_maps(target, [], attrs)


def write_repeated(source: Path, target: Path, number: int) -> None:
    """Write a shard with a number of cases by repeating the annotated cases of another shard."""
    with PreparedShard(source) as shard:
        cases, attrs = [case for case in shard if case.references], dict(shard.attrs)
    many = [replace(cases[i % len(cases)], case=f"case {i}") for i in range(number)]
    target.parent.mkdir(parents=True, exist_ok=True)
    write_prepared(target, many, attrs)


def link_missing(root: Path, target: Path) -> None:
    """Hard-link the files of a miniature that another one lacks, except for maps."""
    for path in root.rglob("*"):
        new = target / path.relative_to(root)
        wanted = path.is_file() and not path.is_symlink() and not paths.in_folder(paths.MAPS, path)
        if wanted and not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            new.hardlink_to(path)


def repeat_cases(root: Path, target: Path, repeats: int) -> None:
    """Copy a miniature; repeat the rows of every table of cases with slightly changed numbers."""
    rng = np.random.default_rng(0)
    for path in sorted(root.rglob("*")):
        new = target / path.relative_to(root)
        if path.is_symlink() or path.is_dir() or ".kept" in path.parts:
            continue
        new.parent.mkdir(parents=True, exist_ok=True)
        table = _table_of_cases(path)
        if table is None:
            new.hardlink_to(path)
            continue
        copies = []
        for number in range(repeats):
            copy = table.copy()
            for column in ("case", "patient"):
                if number and column in copy:
                    copy[column] = copy[column].astype(str) + f"-{number}"
            for column in copy.select_dtypes("float"):
                if path.suffix == ".parquet" and column not in ("threshold",):
                    copy[column] *= rng.uniform(0.8, 1, len(copy)).astype(copy[column].dtype)
            copies.append(copy)
        joined = pd.concat(copies, ignore_index=True)
        if path.suffix == ".parquet":
            joined.to_parquet(new)
        else:
            joined.to_csv(new, index=False)


def _table_of_cases(path: Path) -> pd.DataFrame | None:
    if path.suffix not in (".csv", ".parquet") or paths.in_folder(paths.SHARD_CASES, path):
        return None
    read = pd.read_csv if path.suffix == ".csv" else pd.read_parquet
    table = read(path) if path.stat().st_size else pd.DataFrame()
    return table if "case" in table and len(table) else None
