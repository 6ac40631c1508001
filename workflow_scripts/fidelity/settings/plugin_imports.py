"""Import the plugins of a config before any job runs, in a process of their own.

Snakemake itself thus stays without PyTorch, and with the plugins' own packages unloaded.
"""

import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from fidelity.base.errors import InputError
from fidelity.base.plugins import PREFIX, files_for, load_plugin_function, place_in

if TYPE_CHECKING:
    from fidelity.settings.config import Config

SCRIPTS = Path(__file__).parents[2]
AS_SCRIPT = 'Put code that must run only in a script under if __name__ == "__main__":'


def check_imports(config: "Config") -> None:
    """Check that the plugin files can be imported, and define the functions that the config names.

    Files whose functions are not used are not imported, as no job imports them.

    Raises:
        InputError: the error names the file and, if it is known, the line.
    """
    from fidelity.settings.cross_checks.entries import all_explainers  # slow, in the new process

    named = [entry.method for _, entry in all_explainers(config)]
    named += [entry.architecture for entry in config.classifiers.values()]
    wanted = {
        name: files_for(name, config.plugins)
        for name in dict.fromkeys(named)
        if name.startswith(PREFIX)
    }
    if not wanted:
        return
    found = [str(SCRIPTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    ended = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(wanted)],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(found)},
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        files = ", ".join(dict.fromkeys(file for files in wanted.values() for file in files))
        last = ended.stderr.strip().splitlines()[-1:]
        raise InputError(
            f"importing the plugins ended Python with status {ended.returncode}"
            + "".join(f": {line}" for line in last),
            file=files,
            field="plugins",
            remedy="Import each file alone to find the cause: python -X faulthandler <file>",
        )
    if ended.stdout:
        raise InputError(**json.loads(ended.stdout))


def _first_error(wanted: dict[str, list[str]]) -> InputError | None:
    """Load all functions, {name: files}; return the first error."""
    for name, files in wanted.items():
        try:
            load_plugin_function(name, files)
        except InputError as error:
            return error
        except SystemExit as end:
            return InputError(
                f"the plugin ends Python when it is imported (status {end.code})",
                file=place_in(files[0], end),
                field="plugins",
                remedy=AS_SCRIPT,
            )
    return None


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # what plugins print
        error = _first_error(json.loads(sys.argv[1]))
    if error is not None:
        keys = ("problem", "file", "field", "remedy")
        print(json.dumps({key: getattr(error, key) for key in keys}, default=str))
