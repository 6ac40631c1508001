"""Mark finished results as valid after a harmless change of code: `make accept CONFIG=…`.

Results stay valid although the code that computed them has changed. Settings, inputs and files must
be unchanged. Accepted rules and files are listed next to the tables and in provenance.json.
"""

from pathlib import Path

from fidelity.provenance.accept import accept
from fidelity.settings.reading import load_file, parse_overrides, run

SNAKEFILE = Path(__file__).resolve().parents[1] / "Snakefile"


def main(config: str, overrides: list[str], targets: list[str]) -> None:
    """Accept the changes, and print the rules and files that were accepted."""
    load_file(config, overrides)
    accepted = accept(SNAKEFILE, config, parse_overrides(overrides), targets)
    if not accepted:
        print("Nothing to accept: the current code made all results.")
        return
    rules: dict[str, list[str]] = {}
    for item in accepted:
        rules.setdefault(item.rule, []).append(item.path)
    for rule, paths in rules.items():
        print(f"{rule}:", *(f"  {path}" for path in sorted(paths)), sep="\n")
    print(
        f"Accepted for the current code: {len(accepted)} results of {len(rules)} rules. They are"
        " listed in tables/made_of.json and provenance.json of each data set."
    )


if __name__ == "__main__":
    run(main, __doc__, targets=True)
