"""The files of the targets `tables` and `figures` of a study."""

from fidelity.figures.registry import FIGURES, WITH_IMAGES
from fidelity.study import paths
from fidelity.study.study import Study

# For each data set with reference masks: (name, suffix).
_TABLES = [
    *(
        (t, "csv")
        for t in ("localization", "comparisons", "ranks", "seeds", "strata", "mixed_model")
    ),
    *(("verdict", suffix) for suffix in ("md", "html", "json")),
    *(("tables", suffix) for suffix in ("md", "tex", "html")),
]


def tables(study: Study) -> list[str]:
    """List the tables and pages of all data sets, and the marker files of checked classifiers."""
    marked = study.config.known_truth.datasets
    swept = study.sweeps and study.classifiers
    found = [paths.table(*name).format(dataset=d) for d in study.studies for name in _TABLES]
    found += [paths.summary_table("near_duplicates")] if study.compared_datasets else []
    for pattern, datasets in [
        (paths.table("classification"), study.datasets if study.classifiers else []),
        (paths.CHECKED, study.datasets),
        (paths.table("human_benchmark"), study.with_points),
        (paths.table("boxes"), study.boxed),
        (paths.table("box_comparisons"), study.boxed),
        (paths.table("organ_masks"), study.with_organs),
        (paths.table("layers"), study.studies if swept else []),
        *((paths.table(name), [d]) for d in study.studies for name in study.check_tables(d)),
        (paths.table("known_truth"), marked),
    ]:
        found += [pattern.format(dataset=d) for d in datasets]
    return found


def figures(study: Study) -> list[str]:
    """List the figures of all data sets and classifiers, as PNG and PDF."""
    names = study.classifiers
    some = {
        "training": (study.datasets, study.trained),
        "confusion": (study.datasets, names),
        "layers": (study.studies if study.sweeps else [], names),
        "sanity": (study.studies if study.sanity_pairs else [], names),
        "faithfulness": (study.studies if study.faithfulness_pairs else [], names),
        "known_truth": (study.config.known_truth.datasets, names),
        # One figure for all classifiers together.
        "failure_model": (study.studies if study.config.failure_model else [], [*names][:1]),
        "organs": (study.with_organs, study.shown),
    }
    found = []
    for name, figure in FIGURES.items():
        datasets, classifiers = some.get(name, (study.studies, study.shown))
        by = study.binarizations if figure.suffix else [""]
        found += [
            paths.figure(f"{name}{figure.suffix}", suffix).format(
                dataset=dataset, classifier=classifier, binarization=binarization
            )
            for dataset in datasets
            for classifier in classifiers
            for binarization in by
            for suffix in ("png", "pdf")
        ]
    return found


def pages(study: Study) -> list[str]:
    """List the study pages and paper folders of all data sets."""
    return [
        pattern.format(dataset=d)
        for d in study.studies
        for pattern in (paths.STUDY_PAGE, paths.PAPER)
    ]


def from_units(study: Study) -> list[str]:
    """List the results that can be computed from units alone, for restored data sets."""
    # Units hold no organ masks.
    patterns = paths.CHECKED, paths.table("organ_masks")
    absent = {path.format(dataset=dataset) for dataset in study.datasets for path in patterns}
    return [
        path
        for path in [*tables(study), *figures(study), *pages(study)]
        if path not in (*absent, paths.summary_table("near_duplicates"))
        and not any(f"/{name}-" in path for name in WITH_IMAGES)
        and (study.restored is None or paths.dataset_of(path, study.restored["datasets"]))
    ]
