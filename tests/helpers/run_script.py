"""Run the script of a rule as Snakemake does, without Snakemake."""

import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake.iocontainers import Namedlist

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"


def run_script(name: str, inputs: Mapping[str, Any], outputs: Sequence[Any], **params: Any) -> None:
    """Run a script of `workflow_scripts`.

    Args:
        name: name of the script.
        inputs: name → a path or a list of paths.
        outputs: paths to write. The log is written next to the first.
        **params: params and wildcards of the rule.
    """
    files = Namedlist()
    for key, value in inputs.items():
        start, single = len(files), isinstance(value, str | Path)
        files += map(str, [value] if single else value)
        files._set_name(key, start, end=None if single else len(files))
    job = SimpleNamespace(
        rule=name,
        input=files,
        output=Namedlist(list(map(str, outputs))),
        params=Namedlist(fromdict=params),
        wildcards=Namedlist(),
        log=[f"{outputs[0]}.log"],
    )
    runpy.run_path(str(SCRIPTS / f"{name}.py"), {"snakemake": job}, run_name="__main__")
