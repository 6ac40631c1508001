"""Record the origin of the results of a data set."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.files import write_text
from fidelity.base.job_log import run_job
from fidelity.presentation.titles import showing
from fidelity.provenance.collect import build
from fidelity.provenance.cost import cost_csv, cost_rows
from fidelity.provenance.provenance_page import to_page


def main(
    dataset: str,
    raw: str,
    cases: str,
    models: Mapping[str, str],
    tables: Sequence[str],
    config: Mapping[str, Any],
    plugins: Mapping[str, str],
    patterns: Mapping[str, str],
    wanted: Mapping[str, Sequence[str]],
    out_json: str,
    out_html: str,
    out_cost: str,
) -> None:
    """Write provenance.json, its page for the report, and the table of costs.

    Args:
        raw: folder of the acquired source. For the other parameters see `collect.build`.
    """
    found = build(
        dataset,
        config,
        Path(cases),
        Path(raw) / "manifest.json",
        {name: Path(path) for name, path in models.items()},
        list(map(Path, tables)),
        plugins,
        patterns,
        wanted,
        Path.cwd(),
    )
    write_text(out_json, json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(out_html, to_page(found))
    write_text(out_cost, cost_csv(cost_rows(found["steps"], dataset)))


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake, out_json="json", out_html="html", out_cost="cost")
