"""Count the lines of the workflow by package.

    python benchmarks/lines.py [COMMIT]

It counts every line of text, including blank lines and comments, of workflow_scripts/, rules/,
Snakefile and config/schemas/. Templates and JavaScript are included; tests and benchmarks are not.
Files of the working tree count if Git tracks them, or would add them. With COMMIT, the files of
that commit count. Binary files are left out.
"""

import argparse
import subprocess
from collections import Counter
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
COUNTED = ("workflow_scripts", "rules", "Snakefile", "config/schemas")


def git(*arguments: str) -> bytes:
    """Return what a Git command prints in this project."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def texts(commit: str | None) -> dict[str, bytes]:
    """Return the counted files as {path below the project: content}."""
    if commit:
        listed = git("ls-tree", "-r", "-z", "--name-only", commit, "--", *COUNTED)
    else:
        listed = git("ls-files", "-z", "-co", "--exclude-standard", "--", *COUNTED)
    paths = sorted({path for path in listed.decode().split("\0") if path})
    if commit:
        return {path: git("show", f"{commit}:{path}") for path in paths}
    return {path: (ROOT / path).read_bytes() for path in paths if (ROOT / path).is_file()}


def package(path: str) -> str:
    """Return the package of a file: two folders below workflow_scripts/, else its folder."""
    parts = PurePosixPath(path).parts
    return "/".join(parts[:-1][:3]) or path


def main() -> None:
    """Print a line for each package, and the total."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("commit", nargs="?", help="count this commit, not the working tree")
    lines, files = Counter(), Counter()
    for path, content in texts(parser.parse_args().commit).items():
        if b"\0" not in content:
            lines[package(path)] += len(content.splitlines())
            files[package(path)] += 1
    print(f"{'lines':>7} {'files':>6}")
    for name in sorted(lines):
        print(f"{lines[name]:>7} {files[name]:>6}  {name}")
    print(f"{lines.total():>7} {files.total():>6}  total")


if __name__ == "__main__":
    main()
