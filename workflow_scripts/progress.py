"""Show how far a running study is, one line per training and explainer, and what remains.

Called by `make progress CONFIG=…`.

Not a rule: it reads the existing results, in any terminal, while Snakemake runs or afterwards.
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

# Number of rules that the last line names.
NAMED = 8


def left(config: str, overrides: list[str]) -> str:
    """Describe the remaining jobs of a dry run, the most frequent rule first."""
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
    """Print the progress lines."""
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
    # Print these lines first: planning a large study takes a while.
    print("\n".join([*lines, NOTE]), flush=True)
    print(left(config, overrides))


if __name__ == "__main__":
    run(main, __doc__)
