"""Check whether two versions of the code give byte-identical tables.

    python benchmarks/same_results.py 5660b32 --work FOLDER [--studies tiny imported …]

It runs a base commit and this working tree on one machine. The studies are the demo, a tiny study
of every explainer (same_results/tiny.yaml), one of the other parts (features.yaml), the real
CheXlocalize sample with its published maps (imported.yaml), and `make reanalyse` on the committed
units. Both sides start from nothing, but the second uses the weights of the first: networks, fitted
maps, lung network. Then every CSV, Parquet and JSON file below results/ is compared. If there is a
difference, the exit status is 1. FOLDER keeps the results of both sides; those of the base commit
are not recomputed.
"""

import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
HERE = "benchmarks/same_results"
CONFIGS = {
    "demo": "config/config.yaml",
    "tiny": f"{HERE}/tiny.yaml",
    "features": f"{HERE}/features.yaml",
    "imported": f"{HERE}/imported.yaml",
}
UNITS = {
    "full": "docs/studies/covid_qu_ex/units/full",
    "kept": "tests/data/units_format_1",
}
# A job's cost and origin, and Snakemake's own files: they differ from run to run.
LEFT_OUT_NAMES = ("cost.csv", "provenance.json", "unit.json", "made_of.json")
LEFT_OUT_FOLDERS = ("benchmarks", "logs", "raw", ".kept", ".snakemake", "made_of")
# Patterns below results/ per step, in the order of their dependence: what is made before a
# training, and what the training writes.
STEPS = (
    (["*/shards"], ["*/lung_model/model.safetensors"]),
    (
        ["*/prepared/*.h5", "*/*/architecture.json"],
        ["*/*/model.safetensors", "*/*/training.csv", "*/*/*/fitted.safetensors"],
    ),
)
TRAINING = ("train", "fit", "fit_lung_model")


def run(command: list[str], folder: Path) -> str:
    """Run a command in a checkout and return its output; if it fails, print the end and exit."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if result.returncode:
        print((result.stdout + result.stderr)[-4000:])
        sys.exit(f"failed in {folder}: {' '.join(command)}")
    return result.stdout + result.stderr


def checkout(commit: str, folder: Path) -> None:
    """Put a commit, or the tracked files of the working tree, into an empty folder.

    New files are included once they are added (`git add`).
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stash = ["git", "stash", "create"]  # returns the working tree's state, changes nothing
    state = subprocess.run(stash, cwd=ROOT, capture_output=True, text=True, check=True)
    tree = commit or state.stdout.strip() or "HEAD"
    packed = subprocess.run(["git", "archive", tree], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "x"], cwd=folder, input=packed.stdout, check=True)
    # The base commit may lack the configs of this comparison.
    shutil.copytree(ROOT / HERE, folder / HERE, dirs_exist_ok=True)
    shared = folder.parent / "shared"
    if not shared.exists():
        shared.symlink_to(ROOT.parent / "shared")


def run_study(name: str, folder: Path, cores: str, weights: Path | None) -> None:
    """Run a study from nothing to its tables; with the weights of another run, if given."""
    command = [sys.executable, "-m", "snakemake", "--cores", cores, "--nolock"]
    # Other triggers would train again what was copied, because copied weights have no record.
    config = ["--rerun-triggers", "mtime", "--configfile", CONFIGS[name]]
    if weights is not None:
        results = weights / "results"
        for made, trained in STEPS:
            targets = [str(p.relative_to(weights)) for g in made for p in results.glob(g)]
            if targets:
                run([*command, *targets, *config], folder)
            for path in (p for pattern in trained for p in results.glob(pattern)):
                target = folder / path.relative_to(weights)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():  # copied before the files that depend on it
                    shutil.copyfile(path, target)
        plan = run([*command, "--dry-run", *config], folder)
        again = [rule for rule in TRAINING if re.search(rf"^{rule} +\d+$", plan, re.M)]
        if again:
            sys.exit(f"{name}: the base's weights would not be used: {again}")
    run([*command, *config], folder)


def reanalyse(folder: Path, cores: str) -> None:
    """Re-analyse the committed units."""
    for name, units in UNITS.items():
        output = folder / "results" / f"reanalysis-{name}"
        shutil.rmtree(output, ignore_errors=True)
        script = ["workflow_scripts/reanalyse.py", units, "--cores", cores]
        run([sys.executable, *script, "--output", str(output), "--accept"], folder)


def files_of(folder: Path) -> dict[str, Path]:
    """Name the tables below a folder: {path below it: file}."""
    return {
        str(path.relative_to(folder)): path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".csv", ".parquet", ".json")
        and path.name not in LEFT_OUT_NAMES
        and not set(path.relative_to(folder).parts) & set(LEFT_OUT_FOLDERS)
    }


def difference(old: Path, new: Path) -> str:
    """Describe how two tables with different bytes differ."""
    if old.suffix == ".json":
        one, two = (path.read_text().splitlines() for path in (old, new))
        lines = [line for line in difflib.unified_diff(one, two, lineterm="", n=0)][2:]
        return " | ".join(lines)
    read = pd.read_csv if old.suffix == ".csv" else pd.read_parquet
    one, two = read(old), read(new)
    if list(one) != list(two):
        return f"columns {sorted(set(one) ^ set(two)) or 'in another order'}"
    if len(one) != len(two):
        return f"{len(one)} rows, now {len(two)}"
    columns = [c for c in one if not one[c].equals(two[c])]
    if not columns:
        return "other bytes, the same values"
    rows = one[columns].ne(two[columns]) & ~(one[columns].isna() & two[columns].isna())
    first = rows.any(axis=1).idxmax() if rows.any(axis=None) else 0
    return f"{columns}: row {first}: {one.loc[first].to_dict()} -> {two.loc[first].to_dict()}"


def compare(old: Path, new: Path) -> bool:
    """Print what differs between two results folders; return whether nothing does."""
    before, after = files_of(old), files_of(new)
    same = before.keys() & after.keys()
    changed = [n for n in sorted(same) if before[n].read_bytes() != after[n].read_bytes()]
    print(f"{len(same) - len(changed)} of {len(before)} tables equal to the byte")
    for name in sorted(before.keys() - after.keys()):
        print(f"  only before: {name}")
    for name in sorted(after.keys() - before.keys()):
        print(f"  only after: {name}")
    for name in changed:
        print(f"  {name}: {difference(before[name], after[name])[:600]}")
    return bool(before) and not changed and before.keys() == after.keys()


def main() -> None:
    """Run the studies named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", help="commit to compare with")
    parser.add_argument("--work", type=Path, required=True, help="folder for both sides")
    known = [*CONFIGS, "reanalyse"]
    parser.add_argument("--studies", nargs="+", choices=known, default=known)
    parser.add_argument("--cores", default="2")
    parser.add_argument("--only-base", action="store_true", help="run the base commit alone")
    asked = parser.parse_args()
    equal = True
    for name in asked.studies:
        if name == "imported" and not (ROOT.parent / "shared/data/chexlocalize_sample").exists():
            print("imported: left out, the CheXlocalize sample is not there")
            continue
        # Each study has its own folder, so that results of two configs never mix.
        base, new = (asked.work.resolve() / side / name / "project" for side in ("base", "new"))
        finished = base / "finished"
        if not finished.exists() or finished.read_text() != asked.base:
            checkout(asked.base, base)
            if name == "reanalyse":
                reanalyse(base, asked.cores)
            else:
                run_study(name, base, asked.cores, None)
            finished.write_text(asked.base)
        if asked.only_base:
            continue
        checkout("", new)
        if name == "reanalyse":
            reanalyse(new, asked.cores)
        else:
            run_study(name, new, asked.cores, base)
        print(f"{name}: ", end="")
        equal &= compare(base / "results", new / "results")
    sys.exit(not equal)


if __name__ == "__main__":
    main()
