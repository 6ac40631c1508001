# The checked config, the names derived from it, and the digests of code. Imports nothing heavy.
import hashlib
import json
import os
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(workflow.basedir) / "workflow_scripts"))

from snakemake.logging import logger

from fidelity import settings
from fidelity.base import digests, files, kept_results
from fidelity.binarizations.registry import RULES
from fidelity.datasets.acquisition import listing
from fidelity.datasets.registry import GENERATORS, READERS
from fidelity.base.errors import InputError
from fidelity.explainers.registry import (
    FAMILY_ORDER,
    family_of,
    is_derivative,
    method_of,
    without_family,
)
from fidelity.figures.registry import FIGURES
from fidelity.faithfulness.registry import names_by, needs_masks, of_given_maps
from fidelity.maps import imported_paths
from fidelity.provenance import records, result_origins
from fidelity.settings import reading
from fidelity.tools import failed_jobs, folder_lock, next_steps
from fidelity.units import config_entries, workflow_rules

CONFIG_FILES = (
    ", ".join(map(str, workflow.config_settings.configfiles)) or "config/config.yaml"
)

# What the results were restored from, in a re-analysis: it needs no file that the config names.
RESTORED = result_origins.restored()
try:
    reading.check_yaml(workflow.configfiles)
    given = reading.typed(workflow.config_settings.config)
    cfg = reading.load(
        reading.merged(config, given),
        CONFIG_FILES,
        given,
        check_files=RESTORED is None,
    )
except InputError as error:
    raise WorkflowError(str(error)) from None

DATASETS = cfg["datasets"]
# Those with reference masks to score; one without is classified, or teaches the lung model.
STUDIES = {
    name: entry for name, entry in DATASETS.items() if entry["annotated_classes"]
}
CLASSIFIERS = settings.expand_classifiers(cfg)
EXPLAINERS = cfg["explainers"]
BINARIZATIONS = cfg["binarizations"]
COMPUTE = cfg["compute"]
SPLITS = ("train", "val", "test")
ENV = "../envs/environment.yaml"


# Of every rule; looked at under `--sdm apptainer` alone, as ENV is under `--sdm conda`.
container: COMPUTE["container"]


# Explainers without a classifier are run once, under the reserved classifier `none`.
COMBINATIONS = settings.combinations_of(EXPLAINERS, CLASSIFIERS)


# Said below Snakemake's own message; through `make`, in words of `make`.
if workflow.is_main_process:
    logger.addFilter(
        folder_lock.Advice(
            lambda: next_steps.unlocking(CONFIG_FILES, workflow.config_settings.config)
        )
    )


# Before the first job, not when only planning: else a traceback of Snakemake's would be the answer.
onstart:
    try:
        files.check_writable(
            "results", [*DATASETS, "summary", "logs", "benchmarks"]
        )
    except InputError as error:
        raise WorkflowError(str(error)) from None
    forced = workflow.dag_settings.forceall or workflow.dag_settings.forcerun
    os.environ[kept_results.FORCED] = str(int(bool(forced)))
    records.mark_running(DATASETS)


def any_of(names):
    """A wildcard constraint that admits these names and no others."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=any_of(DATASETS),
    classifier=any_of([*CLASSIFIERS, "none"]),
    explainer=any_of(EXPLAINERS),
    binarization=any_of(BINARIZATIONS),
    protocol=any_of(cfg["protocols"]),
    source=r"[a-z_]+-[0-9a-f]{12}",
    shard=r"(train|val|test)-\d{3}",


def shard_names(dataset, splits):
    """The shards of some splits of a data set, empty ones included."""
    return [
        f"{split}-{number:03d}"
        for split in splits
        for number in range(DATASETS[dataset]["shards"][split])
    ]


def explained_shards(dataset):
    return shard_names(dataset, cfg["explain"]["splits"])


def prepared_of(splits):
    """An input function: the prepared shards of some splits."""
    return lambda w: [
        f"results/{w.dataset}/prepared/{shard}.h5"
        for shard in shard_names(w.dataset, splits)
    ]


def plugins_for(name):
    """Plugin files with their digests, for the settings that use one; else nothing."""
    if not name.startswith("plugin:"):
        return {}
    return {path: digests.file_digest(path) for path in cfg["plugins"]}


def memory(base, per_attempt=1000):
    """Megabytes, more on each retry."""
    return lambda w, attempt: base + per_attempt * (attempt - 1)


def minutes(base):
    """Minutes, once more on each retry."""
    return lambda w, attempt: base * attempt


# What a job that runs a network asks a cluster for; `auto` takes a GPU, but asks for none.
GPUS = int(COMPUTE["device"].startswith("cuda"))
