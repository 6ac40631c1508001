"""Rebuild tables, figures and verdict of a study from its units: no image, weight or map needed."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from fidelity.errors import InputError
from fidelity.files import write_text
from fidelity.provenance.made_of import RESTORED
from fidelity.units.combine import check_agreement, combined_config, find_units
from fidelity.units.unit import restore

PROJECT = Path(__file__).resolve().parents[1]
# Rules that read per-case results alone. All others are left out of the workflow, so that what
# they would write is taken from the units.
RULES = (
    "reanalysis",
    "summarize",
    "compare",
    "without_twins",
    "ranks",
    "seeds",
    "layers",
    "stability",
    "mixed_model",
    "strata",
    "agreement",
    "evaluate",
    "verdict",
    "format_tables",
    "summarize_faithfulness",
    "compare_faithfulness",
    "summarize_sanity",
    "summarize_repeatability",
    "known_truth",
    "summary_over_datasets",
    "figure_curves",
    "figure_distributions",
    "figure_training",
    "figure_confusion",
    "figure_ranks",
    "figure_sensitivity",
    "figure_layers",
    "figure_sanity",
    "figure_faithfulness",
    "figure_lesion_size",
    "figure_agreement",
    "figure_known_truth",
)


def prepare(study: Path, output: Path, accept: bool) -> Path:
    """Write the units' results and config to a folder of their own.

    Args:
        study: the folder of the units.
        output: becomes the working directory of the re-analysis; results there are replaced.
        accept: take units that do not agree with each other.

    Returns:
        The config file.

    Raises:
        InputError: the units are damaged, or differ and that was not accepted.
    """
    units = find_units(study)
    for line in check_agreement(units, accept):
        print(f"accepted: {line}", file=sys.stderr)
    shutil.rmtree(output / "results", ignore_errors=True)
    for unit in units:
        restore(unit, output / "results")
    (output / RESTORED).touch()
    config = output / "config.yaml"
    text = yaml.safe_dump(combined_config(units), sort_keys=False, allow_unicode=True)
    write_text(config, text)
    return config


def main() -> int:
    """Take the command line apart, restore the units, run the workflow's analysis."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="folder of the units")
    parser.add_argument("--output", type=Path, default=Path("reanalysis"), help="folder to write")
    parser.add_argument("--cores", default="all", help="as for snakemake")
    parser.add_argument(
        "--accept", action="store_true", help="take units that do not agree with each other"
    )
    arguments = parser.parse_args()
    try:
        config = prepare(arguments.study, arguments.output, arguments.accept)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "snakemake", "reanalysis", "--cores", str(arguments.cores)]
    command += ["--snakefile", str(PROJECT / "Snakefile"), "--directory", str(arguments.output)]
    command += ["--configfile", str(config), "--allowed-rules", *RULES]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        print(f"Tables and figures: {arguments.output / 'results'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
