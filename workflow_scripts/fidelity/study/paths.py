"""Every path below results/, as a pattern of Snakemake. No other code spells out such a path.

A rule uses a pattern directly (`output: paths.MODEL`). All other code fills in the wildcards:
`paths.MODEL.format(dataset="demo", classifier="resnet18")`, or `fill(paths.MODEL, wildcards)`.
Paths are relative to the project's folder. Imports only fast modules, because Snakemake imports it
at each parsing.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

RESULTS = "results"
# Takes the place of the classifier for explainers without one. Also the name of the unit with
# results that do not depend on a classifier.
NONE = "none"
# Takes the place of a data set for results over all data sets.
SUMMARY = "summary"

REPORT = f"{RESULTS}/report.html"
# Config and overrides of the report.
REPORT_OF = f"{RESULTS}/.report-of"
# A folder with this file holds results that were restored from units. Only some of the rules run
# there (`reanalyse.py`). The file lists the data sets and units of the current config.
RESTORED = f"{RESULTS}/.restored_from_units"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
# Wildcards that name the folders of logs and benchmarks; the others name files.
JOB_FOLDERS = ("dataset", "classifier", "explainer", "binarization")

# Files of a data set.
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
# The same cases with the consensus of several readers as the reference.
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

# Jobs whose log and benchmark are also used outside their rule; see `log_of`.
TRAIN = "{dataset}/{classifier}/train"
EXPLAIN = "{dataset}/{classifier}/{explainer}/explain/{shard}"
LUNG_FIT = "{dataset}/lung_model/fit"
LUNG_MEASURE = "{dataset}/lung_model/measure"

# Files of a classifier for a data set.
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

# Files of an explainer of a classifier.
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

# Files of a binarization of an explainer's maps, and of a protocol for scoring its masks.
BINARIZATION = f"{EXPLAINER}/{{binarization}}"
THRESHOLDS = f"{BINARIZATION}/thresholds.csv"
MASKS = f"{BINARIZATION}/masks.json"
MASKS_STATUS = f"{BINARIZATION}/masks_status.csv"
PNG = f"{BINARIZATION}/png"
# No protocol has this name, so it does not collide with the folders of protocols next to it.
CHEXLOCALIZE = f"{BINARIZATION}/export-chexlocalize"
SCORES = f"{BINARIZATION}/{{protocol}}/scores.parquet"

# A folder with a page, its code and its data.
EXPLORER = f"{DATASET}/explorer"
EXPLORER_PAGE = f"{EXPLORER}/index.html"

# One file with the answer to the question, and a folder for a paper.
STUDY_PAGE = f"{DATASET}/study.html"
PAPER = f"{DATASET}/paper"

TABLES = f"{DATASET}/tables"
# One LaTeX file per table.
LATEX = f"{TABLES}/latex"
FIGURES = f"{DATASET}/figures"


def table(name: str, suffix: str = "csv") -> str:
    """Return the pattern of a table of a data set (or of `SUMMARY`), such as "localization"."""
    return f"{TABLES}/{name}.{suffix}"


def figure(name: str, suffix: str = "png") -> str:
    """Return the path pattern of a figure of a data set and a classifier, such as "curves"."""
    return f"{FIGURES}/{{classifier}}/{name}.{suffix}"


def summary_figure(suffix: str) -> str:
    """Return the path of the figure over all data sets."""
    return f"{FIGURES}/localization.{suffix}".format(dataset=SUMMARY)


def summary_table(name: str, suffix: str = "csv") -> str:
    """Return the path of a table over all data sets."""
    return table(name, suffix).format(dataset=SUMMARY)


def top_folders(datasets: Iterable[str]) -> list[str]:
    """List the folders directly below `results` that a run writes to, except for raw files."""
    return [*datasets, SUMMARY, *(Path(folder).name for folder in (LOGS, BENCHMARKS))]


def log_of(job: str) -> str:
    """Return the path pattern of a job's log.

    Args:
        job: place of the job, with wildcards in braces, such as "{dataset}/{classifier}/train".
            `benchmark_of` uses the same place, so that provenance can read both.
    """
    return f"{LOGS}/{job}.log"


def log_of_rule(rule: str, wildcards: Collection[str]) -> str:
    """Return the path pattern of a rule's log, such as `acquire/{source}`."""
    folders = [name for name in JOB_FOLDERS if name in wildcards]
    others = [name for name in sorted(wildcards) if name not in folders]
    place = [f"{{{name}}}" for name in folders] + [rule] + [f"{{{name}}}" for name in others]
    return log_of("/".join(place))


def benchmark_of(job: str) -> str:
    """Return the path pattern of a job's benchmark; see `log_of`."""
    return f"{BENCHMARKS}/{job}.tsv"


def benchmark_beside(log: str) -> str:
    """Return the path pattern of the benchmark that belongs to a log."""
    return benchmark_of(log.removeprefix(f"{LOGS}/").removesuffix(".log"))


class _Names(dict[str, Any]):
    """Names to fill a pattern: the given ones, otherwise attributes of `wildcards`."""

    def __init__(self, wildcards: Any, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.wildcards = wildcards

    def __missing__(self, key: str) -> Any:
        return getattr(self.wildcards, key)


def fill(pattern: str, wildcards: Any, **names: str) -> str:
    """Fill in the wildcards of a pattern.

    Args:
        wildcards: an object with the wildcard names as attributes, such as a job's wildcards.

    Raises:
        AttributeError: a wildcard of the pattern has no value.
    """
    return pattern.format_map(_Names(wildcards, names))


def below_results(path: str) -> str:
    """Remove the leading folder `results`; other paths are returned unchanged."""
    return path.removeprefix(f"{RESULTS}/")


def is_result(path: str) -> bool:
    """Check whether a path, relative to the project's folder, is below `results`."""
    return path.startswith(f"{RESULTS}/")


def in_folder(pattern: str, path: Path) -> bool:
    """Check whether a file is in a folder with the same name as the pattern's folder."""
    return Path(pattern).parent.name in path.parts


def dataset_of(path: str, known: Iterable[str]) -> str | None:
    """Return the data set (or `SUMMARY`) that a result belongs to; None for other paths.

    Args:
        path: relative to the project's folder.
    """
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == RESULTS and parts[1] in known else None
