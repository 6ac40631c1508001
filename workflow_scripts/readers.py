"""Summarize how far readers agree, and explainers beside the reader who is left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.readers import agreement as agreement_of
from fidelity.analysis.readers import beside_readers
from fidelity.base.files import read_parquet, write_csv
from fidelity.base.job_log import run_job


def main(
    pairs: str,
    readers: str,
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    dataset: str,
    metric: str,
    statistics: Mapping[str, Any],
    seed: int,
    agreement: str,
    beside: str,
) -> None:
    """Write tables/reader_agreement.csv and tables/readers.csv.

    Args:
        pairs: reader_pairs.parquet.
        readers: readers_left_out.parquet.
        scores: reader_scores.parquet of each combination.
        combos: their names.
        metric: the primary one.
        agreement: the table of pairs of readers to write.
        beside: the table of explainers beside readers to write.
    """
    write_csv(agreement_of(read_parquet(pairs), dataset, statistics, seed), agreement)
    parts = [(combo, read_parquet(path)) for combo, path in zip(combos, scores, strict=True)]
    own = read_parquet(readers)
    write_csv(beside_readers(parts, own, metric, statistics, seed), beside)


if __name__ == "__main__":
    run_job(main, snakemake)
