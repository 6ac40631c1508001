"""Let an explainer learn from the reference masks of the training split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.explainers.registry import method_of
from fidelity.settings.explainers import entry_of


def main(
    train: Sequence[str],
    val: Sequence[str],
    settings: dict[str, Any],
    seed: int,
    compute: dict[str, Any],
    output: str,
    digest: str = "",
) -> None:
    """Fit one explainer.

    Args:
        train: prepared shards of the training split.
        val: prepared shards of the validation split.
        settings: the explainer's config entry; its method is a fitted one.

    Raises:
        InputError: the training split has no reference mask that can be used.
    """
    entry = entry_of(settings)
    module = method_of(entry.method).implementation()
    shards = list(map(Path, train)), list(map(Path, val))
    module.fit(*shards, entry, seed, compute, Path(output), digest)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
