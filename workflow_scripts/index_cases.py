"""Rule index_cases: find and check the cases of a data set."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.analysis.columns.cases import DATA_WARNINGS
from fidelity.base.errors import InputError, under
from fidelity.base.files import write_csv, write_text
from fidelity.base.job_log import run_job
from fidelity.base.suggestions import suggestion
from fidelity.datasets.acquisition.listing import source_digest
from fidelity.datasets.cases import write_cases
from fidelity.datasets.indexing.data_warnings import kept_warnings
from fidelity.datasets.indexing.index import index_cases
from fidelity.settings.datasets import Dataset


def main(
    raw_dir: str | Path,
    name: str,
    settings: Dataset,
    targets: dict[str, str],
    cases: str | Path,
    quarantine: str | Path,
    classes: str | Path,
    near_duplicates: str | Path | None = None,
    counts: str | Path | None = None,
    looks: str | Path | None = None,
    warnings: str | Path | None = None,
    others: Sequence[str] = (),
    explained: Sequence[str] = (),
    trained: bool = False,
    planted: Mapping[str, Any] | None = None,
    hearts: bool = False,
) -> None:
    """Write the case table, left-out cases, classes, counts, near-duplicates and warnings.

    Args:
        raw_dir: output folder of `acquire`; the data root is its `data`.
        targets: config key → target rule. A rule that is a class name must name one of the classes.
        near_duplicates, counts, warnings: paths of the tables; None writes no file.
        looks: path for the compact image descriptions of the used cases; None writes no file.
        others: `looks` files of the data sets in `near_duplicates_of`, in the same order.
        planted: the mark that decides the labels; None keeps the labels.

    Raises:
        InputError: the data set has a problem.
    """
    # Resolve the link, so that errors name the user's own folder.
    root = (Path(raw_dir) / "data").resolve()
    with under(f"datasets.{name}", settings.key_names()), kept_warnings(root) as told:
        twins = dict(zip(settings.near_duplicates_of, others, strict=True))
        index = index_cases(root, settings, explained, trained, twins, hearts)
    found, names = index.cases, index.classes
    if planted:
        from fidelity.datasets.planted import relabelled

        found, names = relabelled(found, names)
    if trained and len(names["classes"]) == 1 and names["task"] == "multiclass":
        raise InputError(
            f"all images have the class {names['classes'][0]!r}, but a classifier needs two"
            " classes",
            field=f"datasets.{name}.labels",
            remedy="Add images of another class, or leave the classifiers out",
        )
    known = ["reference", "predicted", *names["classes"]]
    for field, target in targets.items():
        if target not in known:
            raise InputError(
                f"{target!r} is not a class of this data set",
                field=field,
                remedy=suggestion(target, known),
            )
    write_cases(cases, found)
    index.write_reports(quarantine, near_duplicates, counts, looks)
    if warnings is not None:
        write_csv(DATA_WARNINGS.frame((text,) for text in told), warnings)
    write_text(classes, json.dumps(names, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    # The source's files decide about reruns: the folder's own time is that of `acquire`.
    files = source_digest(
        (Path(snakemake.input.raw) / "data").resolve(),
        Dataset.of_job(snakemake.params.settings),
    )
    run_job(
        main,
        snakemake,
        keep=True,
        also=files,
        raw_dir="raw",
        name="dataset",
    )
