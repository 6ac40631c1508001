"""Draw the score of one classifier's CAMs against the depth of their layer."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.job_log import job_log
from fidelity.figures import layer_depth as figure
from fidelity.figures import style
from fidelity.tables.layout import LOCALIZATION_NUMBERS, read_results


def main(
    layers: str,
    classifier: str,
    metrics: Sequence[str],
    binarization: str | None,
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Draw the layer sweeps of one classifier.

    Args:
        layers: layers.csv of the data set.
        classifier: whose rows to draw.
        metrics: one panel each.
        binarization: whose masks count.
        settings: dpi, families.
        output: .png and .pdf to write.
    """
    table = read_results(layers, [*LOCALIZATION_NUMBERS, "depth", "height", "width"])
    table = table.astype({"height": int, "width": int, "depth": int})
    drawn = figure.draw(
        table[table["classifier"] == classifier],
        metrics=metrics,
        binarization=binarization,
        families=settings["families"],
    )
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            layers=snakemake.input.layers,
            classifier=snakemake.wildcards.classifier,
            metrics=snakemake.params.metrics,
            binarization=snakemake.params.binarization,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
        )
