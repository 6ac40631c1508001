"""Choose the thresholds of one explainer on the validation split."""

import logging
from collections.abc import Sequence
from typing import Any

from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job
from fidelity.binarizations.tuning import tune
from fidelity.maps.case_maps import explained_cases
from fidelity.metrics.conventions import policy_for


def main(
    maps: Sequence[str], prepared: Sequence[str], settings: dict[str, Any], output: str
) -> None:
    """Write the best threshold of every class.

    Args:
        maps: map files of the validation split, one per shard.
        settings: `rule` (the binarization's config entry), `postprocess` (the explainer's),
            `scoring_size`, `empty` (the config's `scores.empty`), `partial` (the explainer may lack
            cases).
        output: thresholds.csv: class, metric, threshold, mean, n.
    """
    table = tune(
        explained_cases(maps, prepared),
        settings["rule"],
        settings["postprocess"],
        settings["scoring_size"],
        policy_for("default", settings["empty"]),
        partial=settings.get("partial", False),
    )
    write_csv(table, output)
    for row in table.to_dict("records"):
        logging.info("%(class)s: threshold %(threshold)g, mean %(metric)s %(mean).4f, n %(n)d", row)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
