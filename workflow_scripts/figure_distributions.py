"""Draw how a score is distributed over cases."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.job_log import job_log
from fidelity.figures import distributions, style
from fidelity.figures.scores import axis_title, read_scores


def main(
    scores: Sequence[str],
    explainers: Sequence[str],
    metric: str,
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Draw the distributions of several explainers.

    Args:
        scores: scores.parquet files.
        explainers: the explainer of each.
        metric: column of the scores.
        settings: dpi, families.
        output: .png and .pdf to write.

    Raises:
        InputError: the metric was not computed.
    """
    tables, title = read_scores(scores, explainers, metric), axis_title(metric)
    families = settings.get("families")
    drawn = distributions.draw(tables, metric=metric, title=title, families=families)
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            scores=snakemake.input.scores,
            explainers=snakemake.params.explainers,
            metric=snakemake.params.metric,
            settings=snakemake.params.get("settings", {}),
            output=[snakemake.output.png, snakemake.output.pdf],
        )
