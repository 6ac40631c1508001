"""Show where the results of a study are: the last lines of `make run`."""

import sys
from pathlib import Path

import yaml

from fidelity.tools.next_steps import verdicts

# `make report` writes here of which config and overrides the report is.
REPORT_OF = Path("results/.report-of")


def main(config: str, overrides: str = "") -> None:
    """Print the places of report, tables and figures, as far as they exist.

    Args:
        config: path of the config file.
        overrides: SET of the command; a report of another config or other overrides is left out.
    """
    datasets = yaml.safe_load(Path(config).read_text(encoding="utf-8"))["datasets"]
    found = verdicts(datasets)
    reported = REPORT_OF.read_text(encoding="utf-8") if REPORT_OF.is_file() else ""
    own = reported.strip() == f"{config} {overrides}".strip()
    lines = [("Report", "results/report.html")] if own else []
    for dataset in datasets:
        if dataset in found:
            lines.append((f"Read first, {dataset}", found[dataset]))
        lines.append((f"Tables, {dataset}", f"results/{dataset}/tables/"))
        lines.append((f"Figures, {dataset}", f"results/{dataset}/figures/"))
    lines.append(("All data sets", "results/summary/"))
    lines = [(label, place) for label, place in lines if Path(place).exists()]
    width = max((len(label) for label, _ in lines), default=0)
    print("\nDone.")
    for label, place in lines:
        print(f"  {label:<{width}}  {Path(place).resolve()}{'/' if place.endswith('/') else ''}")


if __name__ == "__main__":
    main(*sys.argv[1:])
