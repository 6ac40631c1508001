"""Fit an explainer to the reference masks of the training split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.explainers.registry import method_of
from fidelity.settings.explainers import Explainer


def main(
    train: Sequence[str],
    val: Sequence[str],
    settings: Explainer,
    seed: int,
    compute: dict[str, Any],
    output: str,
    digest: str = "",
) -> None:
    """Fit one explainer; refuse a training split without a usable reference mask."""
    module = method_of(settings.method).implementation()
    shards = list(map(Path, train)), list(map(Path, val))
    module.fit(*shards, settings, seed, compute, Path(output), digest)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
