"""Draw one figure of a study with the module that the registry of figures names."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.presentation.titles import showing


def main(
    module: str, files: Mapping[str, Any], settings: Mapping[str, Any], output: Sequence[str]
) -> None:
    """Draw the figure and write it."""
    from fidelity.figures.shared import style

    draw = importlib.import_module(f"fidelity.figures.{module}").draw
    asked = [name for name in inspect.signature(draw).parameters if name not in files]
    drawn = draw(**files, **{name: settings[name] for name in asked})
    style.save(drawn, output, settings["dpi"])


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(
            main,
            snakemake,
            files=lambda job: dict(job.input.items()),
            output=lambda job: [job.output.png, job.output.pdf],
        )
