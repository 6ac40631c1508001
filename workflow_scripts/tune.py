"""Choose the thresholds of one explainer on the validation split."""

import logging
from collections.abc import Mapping, Sequence

from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job
from fidelity.binarizations.tuning import tune
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.metrics.conventions import protocol_for
from fidelity.settings.binarizations import Binarization, Postprocess


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    rule: Binarization,
    postprocess: Postprocess,
    scoring_size: ScoringSize,
    empty: Mapping[str, str],
    output: str,
    partial: bool = False,
    left_out: str = "",
) -> None:
    """Write the best threshold of every class.

    Args:
        left_out: see `explained_cases`.
        output: thresholds.csv with the columns class, metric, threshold, mean, n.
    """
    table = tune(
        explained_cases(maps, prepared, left_out),
        rule,
        postprocess,
        scoring_size,
        protocol_for("default", empty).empty,
        partial=partial,
    )
    write_csv(table, output)
    for row in table.to_dict("records"):
        logging.info("%(class)s: threshold %(threshold)g, mean %(metric)s %(mean).4f, n %(n)d", row)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
