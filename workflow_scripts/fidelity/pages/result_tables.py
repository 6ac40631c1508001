"""What both the study page and the paper folder read from the tables of a data set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fidelity.analysis.columns.cases import CASE_COUNTS
from fidelity.base.files import read_json
from fidelity.datasets.cases import read_cases
from fidelity.pages.methods.text import methods
from fidelity.tables.layout import Table
from fidelity.tables.main_result import main_tables
from fidelity.tables.quality import with_chance_notes
from fidelity.tables.results import Results


@dataclass(frozen=True)
class ResultTables:
    """The results of one data set.

    Attributes:
        classification: classification.csv; None without classifiers.
        main: main tables, one per classifier.
        methods: paragraphs, with marked citations.
    """

    dataset: str
    localization: pd.DataFrame
    classification: pd.DataFrame | None
    unit: str
    main: Sequence[Table]
    methods: Sequence[str]


def read_result_tables(
    files: Mapping[str, Any],
    *,
    tables: Mapping[str, Any],
    described: Mapping[str, Any],
    citation: str,
) -> ResultTables:
    """Read the tables, and derive main tables and methods from them.

    Args:
        files: the rule's inputs by name. `classification` and `class_order` are empty or absent
            without classifiers. `architectures` are those of the classifiers in `described`.
    """
    results = Results.read(files, tables)
    return ResultTables(
        described["dataset"],
        results.localization,
        results.classification,
        results.unit,
        with_chance_notes(main_tables(results), results.quality, tables["bases"]),
        methods(
            results.localization,
            CASE_COUNTS.read(files["counts"]),
            {
                **described,
                "layers": _layers(described["bases"], files["architectures"]),
                "sizes": _sizes(files["cases"]),
            },
            unit=results.unit,
            compared=bool(len(results.comparisons)),
            software=citation,
        ),
    )


def _sizes(path: str) -> list[tuple[int, int]]:
    """Read width and height of the original images, each pair once; empty if they are unknown."""
    sizes = ((case.width, case.height) for case in read_cases(path))
    return [*dict.fromkeys((w, h) for w, h in sizes if w and h)]


def _layers(classifiers: Iterable[str], architectures: Iterable[str]) -> dict[str, dict[str, str]]:
    """Read which layer each explainer reads, by classifier."""
    return {
        name: {explainer: found["layer"] for explainer, found in read_json(path)["layers"].items()}
        for name, path in zip(classifiers, architectures, strict=True)
    }
