"""State how far a running study is, one line per training and explainer, and what is left.

Called by `make progress CONFIG=…`.

Not a rule: it reads the results that are there, in any terminal, while Snakemake works or after.
"""

import time
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.settings.reading import load_file, run
from fidelity.study.study import Study
from fidelity.tools.dry_run import jobs_left
from fidelity.tools.study_progress import states
from fidelity.tools.training_progress import training_line

NOTE = "(Counts include existing maps that a changed config will recompute.)"

# Rules that the last line names.
NAMED = 8


def left(config: str, overrides: list[str]) -> str:
    """Write what a dry run finds left, commonest first."""
    try:
        jobs = jobs_left(config, overrides)
    except InputError as error:
        return f"The jobs left could not be counted: {error}"
    if not jobs:
        return "No job is left."
    parts = sorted(jobs.items(), key=lambda item: (-item[1], item[0]))
    listed = [f"{rule} {count:,}" for rule, count in parts[:NAMED]]
    if rest := sum(count for _, count in parts[NAMED:]):
        listed.append(f"others {rest:,}")
    total = f"{sum(jobs.values()):,} {'job' if sum(jobs.values()) == 1 else 'jobs'} left"
    return f"{total}, with running ones and those of a changed config: {', '.join(listed)}"


def main(config: str, overrides: list[str]) -> None:
    """Print the lines."""
    loaded = load_file(config, overrides, check_files=False)
    study = Study(loaded)
    folder, now, lines = Path.cwd(), time.time(), []
    for dataset, entry in study.datasets.items():
        lines += [
            training_line(name, classifier.training, dataset, folder, now)
            for name, classifier in study.classifiers.items()
            if classifier.training is not None
        ]
        if dataset not in study.studies:
            continue
        found = states(
            study.combinations,
            dataset,
            entry.annotated_classes,
            loaded.explain.splits,
            folder,
            now,
        )
        lines += map(str, found) if found else [f"{dataset}: its cases are not listed yet"]
    # The plan of a large study takes a while.
    print("\n".join([*lines, NOTE]), flush=True)
    print(left(config, overrides))


if __name__ == "__main__":
    run(main, __doc__)
