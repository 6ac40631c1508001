"""Every path below results/, as patterns of Snakemake; no other module, script or rule spells one.

A rule uses a pattern as it is (`output: paths.MODEL`). Everything else fills its wildcards in:
`paths.MODEL.format(dataset="demo", classifier="resnet18")`, or `fill(paths.MODEL, wildcards)`.
Paths are relative to the project's folder. Imports nothing: Snakemake reads it when it parses.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = "results"
# Explainers without a classifier have their results under this one; also the unit of what no
# classifier changes.
NONE = "none"
# In place of a data set: what is joined over all of them.
SUMMARY = "summary"

REPORT = f"{RESULTS}/report.html"
# The config and overrides that the report was made with.
REPORT_OF = f"{RESULTS}/.report-of"
# In a folder with this file, results were restored from units, which vouch for them: only some of
# the rules are run there (`reanalyse.py`). It names the data sets and units of the config in use.
RESTORED = f"{RESULTS}/.restored_from_units"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"

# A data set.
RAW = f"{RESULTS}/raw/{{source}}"
DATASET = f"{RESULTS}/{{dataset}}"
CASES = f"{DATASET}/cases.csv"
QUARANTINE = f"{DATASET}/quarantine.csv"
CLASSES = f"{DATASET}/classes.json"
NEAR_DUPLICATES = f"{DATASET}/near_duplicates.csv"
CASE_COUNTS = f"{DATASET}/case_counts.csv"
DATA_WARNINGS = f"{DATASET}/data_warnings.csv"
LESIONS = f"{DATASET}/lesions.parquet"
LOOKS = f"{DATASET}/looks.npz"
STRATA_CASES = f"{DATASET}/strata_cases.csv"
SHARDS = f"{DATASET}/shards"
SHARD_CASES = f"{SHARDS}/{{shard}}.csv"
SHARD_CLASSES = f"{SHARDS}/classes.json"
PREPARED_FOLDER = f"{DATASET}/prepared"
PREPARED = f"{PREPARED_FOLDER}/{{shard}}.h5"
# The same cases with the reference that several readers agree on.
REFERENCED = f"{PREPARED_FOLDER}/references/{{shard}}.h5"
EXPLAINED = f"{PREPARED_FOLDER}/explained.json"
CHECKED = f"{DATASET}/checked"
UNIT = f"{DATASET}/units/{{unit}}"
READER_PAIRS = f"{DATASET}/reader_pairs.parquet"
READERS_WITHOUT = f"{DATASET}/readers_left_out.parquet"
PROVENANCE = f"{DATASET}/provenance.json"
PROVENANCE_PAGE = f"{DATASET}/provenance.html"

# The network that segments lungs, trained on this data set.
LUNG_MODEL = f"{DATASET}/lung_model/model.safetensors"
LUNG_SCORES = f"{DATASET}/lung_model/scores.csv"
LUNG_QUALITY = f"{DATASET}/lung_model/quality.csv"

# Places of logs and benchmarks that more than their rule knows; see `log_of`.
TRAIN = "{dataset}/{classifier}/train"
EXPLAIN = "{dataset}/{classifier}/{explainer}/explain/{shard}"
LUNG_FIT = "{dataset}/lung_model/fit"
LUNG_MEASURE = "{dataset}/lung_model/measure"

# A classifier of a data set.
CLASSIFIER = f"{DATASET}/{{classifier}}"
ARCHITECTURE = f"{CLASSIFIER}/architecture.json"
MODEL = f"{CLASSIFIER}/model.safetensors"
TRAINING = f"{CLASSIFIER}/training.csv"
OUTPUTS = f"{CLASSIFIER}/outputs.json"
PREDICTIONS = f"{CLASSIFIER}/predictions.csv"
STABILITY = f"{CLASSIFIER}/stability.parquet"
AGREEMENT = f"{CLASSIFIER}/agreement.parquet"
THRESHOLD_CURVES = f"{CLASSIFIER}/threshold_curves.parquet"
HIDING = f"{DATASET}/hiding/{{classifier}}.parquet"
KNOWN_TRUTH_ACCURACY = f"{DATASET}/known_truth/{{classifier}}/accuracy.csv"
WORST_CASES = f"{DATASET}/notebooks/{{classifier}}/worst_cases.csv"
NOTEBOOK = f"{DATASET}/notebooks/{{classifier}}/explore.ipynb"

# An explainer of a classifier.
EXPLAINER = f"{CLASSIFIER}/{{explainer}}"
FITTED = f"{DATASET}/{NONE}/{{explainer}}/fitted.safetensors"
IMPORTED = f"{DATASET}/{NONE}/{{explainer}}/imported.csv"
MAPS_FOLDER = f"{EXPLAINER}/maps"
MAPS = f"{MAPS_FOLDER}/{{shard}}.h5"
CURVES = f"{EXPLAINER}/curves.parquet"
RANKING = f"{EXPLAINER}/ranking.parquet"
READER_SCORES = f"{EXPLAINER}/reader_scores.parquet"
BOX_SCORES = f"{EXPLAINER}/box_scores.parquet"
ORGAN_SHARES = f"{EXPLAINER}/organ_shares.parquet"
SANITY = f"{EXPLAINER}/sanity.parquet"
SENSITIVITY = f"{EXPLAINER}/sensitivity.parquet"
FAITHFULNESS = f"{DATASET}/faithfulness/{{classifier}}/{{explainer}}.parquet"
KNOWN_TRUTH = f"{DATASET}/known_truth/{{classifier}}/{{explainer}}.parquet"
REPEATABILITY = f"{DATASET}/repeatability/{{base}}/{{explainer}}.parquet"

# A binarization of an explainer's maps, and a protocol of scoring its masks.
BINARIZATION = f"{EXPLAINER}/{{binarization}}"
THRESHOLDS = f"{BINARIZATION}/thresholds.csv"
MASKS = f"{BINARIZATION}/masks.json"
MASKS_STATUS = f"{BINARIZATION}/masks_status.csv"
PNG = f"{BINARIZATION}/png"
# A name that no protocol has: their scores are next to it.
CHEXLOCALIZE = f"{BINARIZATION}/export-chexlocalize"
SCORES = f"{BINARIZATION}/{{protocol}}/scores.parquet"

# A folder with a page, its code and its data.
EXPLORER = f"{DATASET}/explorer"
EXPLORER_PAGE = f"{EXPLORER}/index.html"

# One file that answers the question, and what a paper takes.
STUDY_PAGE = f"{DATASET}/study.html"
PAPER = f"{DATASET}/paper"

TABLES = f"{DATASET}/tables"
# One LaTeX file per table.
LATEX = f"{TABLES}/latex"
FIGURES = f"{DATASET}/figures"


def table(name: str, suffix: str = "csv") -> str:
    """Give the pattern of a table of a data set (or of `SUMMARY`), such as "localization"."""
    return f"{TABLES}/{name}.{suffix}"


def figure(name: str, suffix: str = "png") -> str:
    """Give the pattern of a figure of a data set and a classifier, such as "curves"."""
    return f"{FIGURES}/{{classifier}}/{name}.{suffix}"


def summary_figure(suffix: str) -> str:
    """Name the figure over all data sets."""
    return f"{FIGURES}/localization.{suffix}".format(dataset=SUMMARY)


def summary_table(name: str, suffix: str = "csv") -> str:
    """Name a table over all data sets."""
    return table(name, suffix).format(dataset=SUMMARY)


def top_folders(datasets: Iterable[str]) -> list[str]:
    """Name the folders directly below `results` that a run writes to; raw files are left out."""
    return [*datasets, SUMMARY, *(Path(folder).name for folder in (LOGS, BENCHMARKS))]


def log_of(job: str) -> str:
    """Give the pattern of a job's log.

    Args:
        job: its place, wildcards in braces, such as "{dataset}/{classifier}/train". The benchmark
            of the same job is in the same place (`benchmark_of`): provenance reads both.
    """
    return f"{LOGS}/{job}.log"


def benchmark_of(job: str) -> str:
    """Give the pattern of a job's benchmark; see `log_of`."""
    return f"{BENCHMARKS}/{job}.tsv"


def benchmark_beside(log: str) -> str:
    """Give the pattern of the benchmark of the job with a log."""
    return benchmark_of(log.removeprefix(f"{LOGS}/").removesuffix(".log"))


class _Names(dict[str, Any]):
    """Names for a pattern: those given, else attributes of `wildcards`."""

    def __init__(self, wildcards: Any, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.wildcards = wildcards

    def __missing__(self, key: str) -> Any:
        return getattr(self.wildcards, key)


def fill(pattern: str, wildcards: Any, **names: str) -> str:
    """Fill the wildcards of a pattern in.

    Args:
        wildcards: an object with the names as attributes, such as a job's wildcards.

    Raises:
        AttributeError: a wildcard of the pattern has no name.
    """
    return pattern.format_map(_Names(wildcards, names))


def below_results(path: str) -> str:
    """Leave out the folder `results`; other paths are returned as they are."""
    return path.removeprefix(f"{RESULTS}/")


def is_result(path: str) -> bool:
    """Check whether a path, relative to the project's folder, is below `results`."""
    return path.startswith(f"{RESULTS}/")


def in_folder(pattern: str, path: Path) -> bool:
    """Check whether a file is in a folder of the name that the pattern's files are in."""
    return Path(pattern).parent.name in path.parts


def dataset_of(path: str, known: Iterable[str]) -> str | None:
    """Name the data set (or `SUMMARY`) that a result belongs to; None for other paths.

    Args:
        path: relative to the project's folder.
    """
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == RESULTS and parts[1] in known else None
