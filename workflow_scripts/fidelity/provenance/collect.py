"""Collect the provenance of one data set's results."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.files import content_hash
from fidelity.classifiers.weights.header import noted
from fidelity.provenance.machine import code_version, environment, hardware
from fidelity.provenance.privacy import without_places
from fidelity.provenance.result_origins import accepted_in, listing_of, read
from fidelity.provenance.steps import read_steps, totals

SCHEMA = "fidelity-provenance-1"
NOTES = [
    "Hardware and packages are those of the machine that wrote this file, when the tables were "
    "finished. On a cluster, jobs may have run on others. Each step names its own device.",
    "Seconds, CPU-seconds and memory are those of the last run of each job. Snakemake samples "
    "them, so jobs of a few seconds show too little memory and CPU time. Here, unlike in the table "
    "of costs, CPU time that was not sampled is 0.",
    "Forward and backward passes are counted per image, not per batch, for all networks: "
    "classifiers, randomised copies and U-Nets. Images that only pad a last batch also "
    "count. A resumed job counts only its last run.",
    "Random numbers are derived from the config's seed, the case, the method and the repeat. Those "
    "of a training come from “Seed of the training”. That seed is derived from the config's seed "
    "and from the training's entry in the classifier's setting “seeds”.",
]


def build(
    dataset: str,
    config: Mapping[str, Any],
    cases: Path,
    manifest: Path,
    models: Mapping[str, Path],
    tables: Sequence[Path],
    plugins: Mapping[str, str],
    patterns: Mapping[str, str],
    wanted: Mapping[str, Sequence[str]],
    folder: Path,
) -> dict[str, Any]:
    """Collect what the results of a data set come from.

    Args:
        config: the checked config, for this data set only.
        cases: cases.csv; its digests of file contents are used, no image is read.
        manifest: manifest.json of the acquired source.
        models: classifier → its .safetensors file.
        tables: finished tables whose contents are hashed.
        plugins: file → digest of its code.
        patterns: see `steps.read_steps`, as for `wanted`.

    Returns:
        JSON-able, with keys always in the same order. It contains no names of machines or users,
        and no paths outside the project. Two runs on one machine differ only in the times and
        memory of steps. `accepted` lists results that `make accept` marked as valid for other code
        than computed them.
    """
    steps = read_steps(patterns, wanted, folder)
    found = {
        "schema": SCHEMA,
        "dataset": dataset,
        "code": code_version(),
        "accepted": accepted_in(read(listing_of(dataset))),
        "config": config,
        "inputs": {
            **json.loads(manifest.read_text(encoding="utf-8")),
            "indexed_cases": _count(cases),
            "digest": cases_digest(cases),
            "start_weights": start_weights(config),
            "plugins": [plugins[path] for path in config["plugins"]],
        },
        "classifiers": {name: _model(path) for name, path in sorted(models.items())},
        "tables": {path.name: content_hash(path) for path in sorted(tables)},
        "seeds": {
            "config": config["seed"],
            # The seed given to torch; None for a classifier that was not trained here.
            "training": {
                name: noted(path)["training"].get("seed") for name, path in sorted(models.items())
            },
        },
        "environment": environment(),
        "hardware": hardware(),
        "totals": totals(steps),
        "steps": steps,
        "notes": NOTES,
    }
    return without_places(found, folder.resolve())


def cases_digest(cases: Path) -> str:
    """Hash the ids of all cases with the digests of their images and masks, in any order."""
    with cases.open(newline="", encoding="utf-8") as handle:
        lines = sorted(f"{row['case']}\0{row['digest']}\n" for row in csv.DictReader(handle))
    return hashlib.blake2b("".join(lines).encode(), digest_size=16).hexdigest()


def start_weights(config: Mapping[str, Any]) -> dict[str, str]:
    """List the hash of the checkpoint that each classifier starts from; named weights as set."""
    found = {}
    for name, entry in sorted(config["classifiers"].items()):
        weights = entry.get("weights")
        if weights is not None:
            found[name] = content_hash(weights) if Path(weights).is_file() else str(weights)
    return found


def _count(cases: Path) -> int:
    with cases.open(newline="", encoding="utf-8") as handle:
        return sum(1 for _ in csv.DictReader(handle))


def _model(path: Path) -> dict[str, Any]:
    meta = noted(path)
    return {
        "architecture": meta["architecture"],
        "digest": content_hash(path),
        "kept_epoch": meta["training"].get("epoch"),
    }
