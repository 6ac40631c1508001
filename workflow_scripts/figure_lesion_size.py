"""Draw scores against the size of the lesion."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.job_log import job_log
from fidelity.figures import lesion_size, style
from fidelity.figures.scores import axis_title, read_scores


def main(
    scores: Sequence[str],
    explainers: Sequence[str],
    metric: str,
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Draw one panel per explainer.

    Args:
        scores: scores.parquet files of one binarization and protocol.
        explainers: the explainer of each.
        metric: column of the scores.
        settings: dpi, and where given replicates, alpha, cluster, seed, families.
        output: .png and .pdf to write.

    Raises:
        InputError: the metric was not computed.
    """
    tables, title = read_scores(scores, explainers, metric), axis_title(metric)
    keys = ("replicates", "alpha", "cluster", "seed", "families")
    options = {key: settings[key] for key in keys if key in settings}
    drawn = lesion_size.draw(tables, metric=metric, title=title, **options)
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            scores=snakemake.input.scores,
            explainers=snakemake.params.explainers,
            metric=snakemake.params.metric,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
        )
