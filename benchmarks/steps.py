"""Show the cost of each step of a study: wall clock, CPU and memory by rule and explainer, disk.

    python benchmarks/steps.py docs/studies/covid_qu_ex/units/full/none …/lite0-s1

It reads `cost.csv` and `unit.json` of units and runs nothing. It prints a Markdown table. Snakemake
samples CPU time and memory: it may miss the end of a job, and all of a job of a few seconds.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from fidelity.base.files import read_csv  # noqa: E402
from fidelity.units.unit import COST, read_unit  # noqa: E402

# Rules whose cost depends so much on the explainer that a sum would mean little.
BY_EXPLAINER = ("explain", "explain_on_cpu", "fit")


def steps_of(folders: list[Path]) -> pd.DataFrame:
    """Sum the cost of jobs by unit and step.

    Args:
        folders: of units.

    Returns:
        Rows with unit, step, jobs, seconds, cpu_seconds (wall clock if Snakemake has none) and the
        highest peak_memory_mb, in the order of first appearance.
    """
    tables = []
    for folder in folders:
        table = read_csv(folder / COST, ["rule", "seconds"], dtype={"shard": str})
        unit = read_unit(folder)
        explainer = table["explainer"].fillna("") if "explainer" in table else ""
        table["step"] = table["rule"].where(
            ~table["rule"].isin(BY_EXPLAINER),
            table["rule"].str.replace("_on_cpu", "") + " " + explainer,
        )
        table["cpu_seconds"] = table["cpu_seconds"].fillna(table["seconds"])
        tables.append(table.assign(unit=f"{unit.dataset} {unit.name}"))
    sums = {"seconds": "sum", "cpu_seconds": "sum", "peak_memory_mb": "max", "rule": "count"}
    grouped = pd.concat(tables).groupby(["unit", "step"], sort=False).agg(sums)
    return grouped.rename(columns={"rule": "jobs"}).reset_index()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("units", nargs="+", type=Path, help="folders of units")
    folders = parser.parse_args().units
    print(
        "| unit | step | jobs | wall, s | CPU, s | peak memory, MB |\n|---|---|---:|---:|---:|---:|"
    )
    for row in steps_of(folders).itertuples():
        memory = "" if pd.isna(row.peak_memory_mb) else f"{row.peak_memory_mb:.0f}"
        print(
            f"| {row.unit} | {row.step} | {row.jobs} | {row.seconds:.0f} | {row.cpu_seconds:.0f} "
            f"| {memory} |"
        )
    print("\n| unit | on disk | MB |\n|---|---|---:|")
    for folder in folders:
        unit = read_unit(folder)
        for kind, size in unit.provenance["bytes"].items():
            print(f"| {unit.dataset} {unit.name} | {kind} | {size / 1e6:.1f} |")
        own = sum(path.stat().st_size for path in folder.iterdir())
        print(f"| {unit.dataset} {unit.name} | the unit's folder (no maps) | {own / 1e6:.2f} |")


if __name__ == "__main__":
    main()
