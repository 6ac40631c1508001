"""Say what a study will cost before it is started: `make estimate CONFIG=…`.

Not a rule: it asks Snakemake for the number of jobs and times one case per explainer itself.
"""

from fidelity.dry_run import jobs_left
from fidelity.estimate import START_SECONDS, Cost, estimate
from fidelity.settings.command import run
from fidelity.settings.reading import load_file


def main(config: str, overrides: list[str]) -> None:
    """Print the estimate as a table.

    Args:
        config: path of the config file.
        overrides: key=value, as Snakemake's --config takes them.
    """
    loaded = load_file(config, overrides)
    jobs = sum(jobs_left(config, overrides).values())
    costs = [cost for dataset in loaded["datasets"] for cost in estimate(loaded, dataset)]
    costs.append(Cost("starting jobs and importing", jobs, jobs * START_SECONDS / 3600, 0))
    hours, megabytes = sum(c.core_hours for c in costs), sum(c.megabytes for c in costs)
    rows = [(c.step, str(c.units), f"{c.core_hours:.3f}", f"{c.megabytes:.1f}") for c in costs]
    rows.append(("total", "", f"{hours:.3f}", f"{megabytes:.1f}"))
    width = max(len(row[0]) for row in rows)
    for step, *numbers in [("step", "units", "CPU-hours", "MB"), *rows]:
        print(f"{step:<{width}}", *(f"{number:>10}" for number in numbers))
    print(
        f"\n{jobs} jobs to do (a dry run's count); {hours:.2f} CPU-hours and "
        f"{megabytes / 1000:.2f} GB for the whole study from nothing.\nOn N cores about CPU-hours"
        " / N. Timed on this machine, one case per explainer; scoring and figures not counted."
    )


if __name__ == "__main__":
    run(main, __doc__)
