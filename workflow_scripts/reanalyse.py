"""Rebuild tables, figures and verdict from the units of a study: no image, weight or map needed."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

import summary_over_datasets
from fidelity.base.errors import InputError
from fidelity.base.files import write_text
from fidelity.presentation.titles import display, showing
from fidelity.provenance.cost import cost_csv, cost_rows
from fidelity.settings import load
from fidelity.settings.reading import load_file
from fidelity.study import paths
from fidelity.study.study import Study
from fidelity.tools.next_steps import show
from fidelity.units.combine import (
    by_dataset,
    check_agreement,
    combined_config,
    find_units,
    groups,
    with_box_scores,
)
from fidelity.units.unit import Unit, restore
from fidelity.units.unit_provenance import read_cost
from fidelity.units.workflow_rules import RULES

_VERDICT = paths.table("verdict", "md")
PROJECT = Path(__file__).resolve().parents[1]
# Units are first restored to this folder below the output, so that damaged units replace nothing.
FRESH = ".restoring"
# Statistics settings that data sets must share to be in the same summary tables.
SUMMARIZED = ("primary", "primary_binarization", "least_accuracy")


def prepare(
    study: Path, output: Path, accept: bool, targets: Sequence[str] = ()
) -> list[tuple[Path, list[Unit]]]:
    """Write the units' results and configs to the folder of the re-analysis.

    Args:
        output: becomes the working directory of the re-analysis; earlier results in it are
            replaced.
        targets: results to compute; see `check_targets`.

    Returns:
        Config files, each with the units that are analysed together with it.

    Raises:
        InputError: the units are damaged, or they differ and this was not accepted, or the folder
            holds files that no re-analysis wrote. In these cases, the folder is unchanged.
    """
    _check_free(study, output)
    units = find_units(study)
    check_targets(targets, units)
    for line in check_agreement(units, accept):
        print(f"accepted: {line}", file=sys.stderr)
    found = []
    for number, group in enumerate(groups(units), start=1):
        config = output / ("config.yaml" if number == 1 else f"config-{number}.yaml")
        found.append((config, combined_config(group), group))
    fresh = output / FRESH
    shutil.rmtree(fresh, ignore_errors=True)
    mark(fresh, units)
    for unit in units:
        restore(unit, fresh / paths.RESULTS)
    # Remove Snakemake's records too: it would compare earlier results with the new ones.
    for old in (paths.RESULTS, "plugins", ".snakemake"):
        shutil.rmtree(output / old, ignore_errors=True)
    for new in fresh.iterdir():
        new.replace(output / new.name)
    fresh.rmdir()
    for config, content, _ in found:
        write_text(config, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return [(config, group) for config, _, group in found]


def _check_free(study: Path, output: Path) -> None:
    """Refuse a folder that holds other files, which would be replaced."""
    others = {path.name for path in output.iterdir()} if output.is_dir() else set()
    if others - {FRESH} and not (output / paths.RESTORED).exists():
        raise InputError(
            "holds files that a re-analysis could replace",
            file=output,
            remedy="Name a new folder with OUT=",
        )
    if study.resolve().is_relative_to(output.resolve()):
        raise InputError(
            "holds the units, which a re-analysis would replace",
            file=output,
            remedy="Name a folder elsewhere with OUT=",
        )


def check_targets(targets: Sequence[str], units: Sequence[Unit]) -> None:
    """Refuse targets that are not results of one of the data sets; the error names the first."""
    known = by_dataset(units)
    for target in targets:
        if paths.dataset_of(target, known) is None:
            raise InputError(
                f"{target!r} is not a result of a data set",
                field="TARGETS",
                remedy="Name files such as "
                + ", ".join(_VERDICT.format(dataset=name) for name in known),
            )


def mark(output: Path, units: Sequence[Unit]) -> None:
    """Record for the workflow which units are in its working directory."""
    names = {
        "datasets": list(by_dataset(units)),
        "units": sorted({unit.name for unit in units}),
        "boxed": with_box_scores(units),
    }
    write_text(output / paths.RESTORED, json.dumps(names, ensure_ascii=False) + "\n")


def command(config: Path, output: Path, cores: str, targets: Sequence[str] = ()) -> list[str]:
    """Return the command that analyses one group of units, completely or only for some targets."""
    words = [sys.executable, "-m", "snakemake", *(targets or ["reanalysis"]), "--cores", cores]
    words += ["--snakefile", str(PROJECT / "Snakefile"), "--directory", str(output)]
    words += ["--workflow-profile", str(PROJECT / "profiles" / "default")]
    return [*words, "--configfile", str(config), "--allowed-rules", *RULES]


def write_costs(output: Path, units: Sequence[Unit]) -> None:
    """Write cost.csv of each data set, as far as its units recorded their costs."""
    for dataset, part in by_dataset(units).items():
        steps = [step for unit in part for step in read_cost(unit.folder, dataset, unit.name)]
        if steps:
            path = output / paths.table("cost").format(dataset=dataset)
            write_text(path, cost_csv(cost_rows(steps, dataset)))


def summarize(output: Path, analysed: Sequence[tuple[Path, Sequence[Unit]]]) -> list[str]:
    """Join the tables of all data sets, like the rule `summary_over_datasets` for one config.

    Returns:
        Data sets that were left out, because their config has another primary comparison.
    """
    configs = []
    for path, group in analysed:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        study = Study(load(raw, str(path), check_files=False))
        configs.append((study, list(by_dataset(group))))
    first = configs[0][0].config
    scored: dict[str, Any] = {}
    titles: dict[str, dict[str, str]] = {}
    known, left_out = [], []
    for study, names in configs:
        if any(
            getattr(study.config.statistics, k) != getattr(first.statistics, k) for k in SUMMARIZED
        ):
            left_out += names
            continue
        known += names
        own = [name for name in names if name in study.studies]
        scored |= {name: study.studies[name].model_dump() for name in own}
        for kind, more in display(study, *names).items():
            if kind != "order":  # configs may differ in their order, so none is used
                titles.setdefault(kind, {}).update(more)
    if not scored:
        return left_out

    def tables(name: str, datasets: Iterable[str]) -> list[Path]:
        return [output / paths.table(name).format(dataset=dataset) for dataset in datasets]

    with showing(titles):
        summary_over_datasets.main(
            localization=list(map(str, tables("localization", scored))),
            classification=[str(p) for p in tables("classification", known) if p.exists()],
            datasets=scored,
            metric=first.statistics.primary,
            binarization=first.statistics.primary_binarization,
            least_accuracy=first.statistics.least_accuracy,
            dpi=first.figures.dpi,
            localization_table=str(output / paths.summary_table("localization")),
            classification_table=str(output / paths.summary_table("classification")),
            inputs_table=str(output / paths.summary_table("inputs")),
            inputs_markdown=str(output / paths.summary_table("inputs", "md")),
            figure=[str(output / paths.summary_figure(suffix)) for suffix in ("png", "pdf")],
        )
    return left_out


def places(output: Path, units: Sequence[Unit]) -> Iterator[tuple[str, Path]]:
    """Yield (label, path) for verdicts, tables and figures."""
    for dataset in by_dataset(units):
        for label, pattern in {
            "Verdict": _VERDICT,
            "Tables": paths.TABLES,
            "Figures": paths.FIGURES,
            "Open first": paths.STUDY_PAGE,
        }.items():
            yield f"{label}, {dataset}", output / pattern.format(dataset=dataset)
    yield "All data sets", output / paths.DATASET.format(dataset=paths.SUMMARY)


def main() -> int:
    """Parse the command line, restore the units, and run the workflow's analysis."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="folder of the units")
    parser.add_argument("--output", type=Path, default=Path("reanalysis"), help="folder to write")
    parser.add_argument("--cores", default="all", help="number of cores, as for Snakemake")
    parser.add_argument(
        "--accept", action="store_true", help="use units even if they do not agree with each other"
    )
    parser.add_argument(
        "--targets",
        nargs="*",
        default=[],
        help="results to make instead of all; paths begin with results/",
    )
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    try:
        analysed = prepare(arguments.study, output, arguments.accept, arguments.targets)
        for config, group in analysed:
            for dataset in Study(load_file(config, check_files=False)).boxed:
                if dataset not in with_box_scores(group):
                    print(
                        f"{dataset} has no box tables, because its units were packed without box"
                        " scores. To add them, pack the units of the finished study again.",
                        file=sys.stderr,
                    )
            own = [t for t in arguments.targets if Path(t).parts[1] in by_dataset(group)]
            if arguments.targets and not own:
                continue
            mark(output, group)
            words = command(config, output, arguments.cores, own)
            code = subprocess.run(words, check=False).returncode
            if code:
                return code
            write_costs(output, group)
        # With named targets, some of the tables for the summary may be missing.
        scored = [
            output / paths.table("localization").format(dataset=unit.dataset)
            for _, group in analysed
            for unit in group
            if unit.shared["dataset"]["annotated_classes"]
        ]
        for dataset in summarize(output, analysed) if all(p.exists() for p in scored) else ():
            print(
                f"{dataset} is not in results/summary, because its primary comparison differs.",
                file=sys.stderr,
            )
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    show(places(output, [unit for _, group in analysed for unit in group]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
