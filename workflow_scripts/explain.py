"""Compute the saliency maps of one shard."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.settings.explainers import Explainer, guards_of, plugins_of


def main(
    prepared: str,
    settings: Explainer,
    target: str,
    max_failed_cases: int,
    seed: int,
    compute: dict[str, Any],
    plugins: Iterable[str],
    digest: str,
    output: str,
    guards: Sequence[Any] = (),
    own_plugins: Sequence[str] = (),
    model: str | None = None,
    fitted: str | None = None,
    name: str = "",
) -> None:
    """Explain the cases of a prepared shard with one explainer and classifier.

    Args:
        prepared: HDF5 file of the shard's cases, which also holds the data set's labels.
        model: file of the classifier; None for explainers without a classifier.
        target: `reference`, `predicted`, or a model class.
        max_failed_cases: number of failures allowed in this shard.
        guards: see `settings.explainers.guards_of`.
        fitted: file fitted to the training split; None for most explainers.
        name: name of the job in progress messages.
    """
    from fidelity.base.files import content_hash
    from fidelity.datasets.prepared import PreparedShard
    from fidelity.explainers.base import Context
    from fidelity.explainers.runner import explain_shard

    classifier, weights, predict = None, "", None
    if model is not None:
        from fidelity.base.compute import configure
        from fidelity.classifiers.predict import predict_logits as predict
        from fidelity.classifiers.weights.own_format import load

        classifier = load(model, plugins=list(plugins)).to(configure(compute))
        weights = content_hash(model)
    with PreparedShard(prepared) as shard:
        labels = shard.attrs["labels"]
    explain_shard(
        Path(prepared),
        Path(output),
        settings,
        Context(
            classifier,
            compute["batch"],
            seed,
            settings.method,
            None if fitted is None else Path(fitted),
            compute,
            own_plugins,
        ),
        target,
        labels,
        fingerprint=f"{digest} {weights} {guards}",
        max_failed_cases=max_failed_cases,
        predict=predict,
        name=name,
    )


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        keep=True,
        guards=lambda job: guards_of(job.params.settings),
        own_plugins=lambda job: plugins_of(job.params.settings),
        name=lambda job: "{explainer}, {classifier}, {dataset} {shard}".format(**job.wildcards),
    )
