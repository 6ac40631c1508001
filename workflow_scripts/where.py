"""Show where the results of a study are: the last lines of `make run`."""

import sys
from pathlib import Path

import yaml

from fidelity.study import paths
from fidelity.tools.next_steps import show, verdicts


def main(config: str, overrides: str = "") -> None:
    """Print the places of report, tables and figures that exist.

    Args:
        overrides: SET of the command. The report of another config or of other overrides is
            omitted.
    """
    datasets = yaml.safe_load(Path(config).read_text(encoding="utf-8"))["datasets"]
    found = verdicts(datasets)
    report_of = Path(paths.REPORT_OF)
    reported = report_of.read_text(encoding="utf-8") if report_of.is_file() else ""
    own = reported.strip() == f"{config} {overrides}".strip()
    lines = [("Report", paths.REPORT)] if own else []
    for dataset in datasets:
        if dataset in found:
            lines.append((f"Verdict, {dataset}", found[dataset]))
        lines.append((f"Tables, {dataset}", paths.TABLES.format(dataset=dataset)))
        lines.append((f"Figures, {dataset}", paths.FIGURES.format(dataset=dataset)))
    lines.append(("All data sets", paths.DATASET.format(dataset=paths.SUMMARY)))
    # At the end, where a user of the terminal looks first.
    lines += [(f"Open first, {name}", paths.STUDY_PAGE.format(dataset=name)) for name in datasets]
    show(lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
