# Where the results of a data set come from, and what they took.

# Paths outside of the project that no result may show.
PLACES = result_origins.Places([*result_origins.texts_in(cfg), *job_settings.origins()])
# {data set: the folder of its acquired files}
RAW_FOLDERS = {
    name: paths.RAW.format(source=raw) for name, raw in job_settings.raw_names.items()
}


def take_over_results():
    """Let Snakemake know what made results that were moved here, or refuse them."""
    patterns = [path.regex() for step in workflow.rules for path in step.output]
    try:
        for note in records.take_over(RAW_FOLDERS, patterns, PLACES):
            print(note, file=sys.stderr, flush=True)
    except InputError as error:
        raise WorkflowError(str(error)) from None


# Not needed for the tables, so there or not when the tables are finished.
BESIDE_TABLES = (
    "figure_",
    "export_",
    "agreement",
    "explore",
    "fit_lung_model",
    "human_benchmark",
    "known_truth",
    "layers",
    "measure_lung_model",
    "summary_over_datasets",
    "threshold_curves",
    "provenance",
)


def benchmark_patterns(dataset, wanted=lambda rule: not rule.startswith(BESIDE_TABLES)):
    """Each wanted rule's benchmark files as a regular expression, names of this config alone in it."""
    found = {
        step.name: step.benchmark.regex().pattern
        for step in workflow.rules
        if step.benchmark and wanted(step.name)
    }
    if dataset in study.lungs_from:
        # Trained on another data set, for the sake of this one.
        for name, job in (
            ("fit_lung_model", paths.LUNG_FIT),
            ("measure_lung_model", paths.LUNG_MEASURE),
        ):
            path = benchmark_of(job).format(dataset=study.lungs_from[dataset])
            found[name] = re.escape(path)
    return found


rule provenance:
    input:
        tables=[
            rules.summarize.output.localization,
            rules.compare.output.comparisons,
            rules.verdict.output.json,
            rules.format_tables.output.markdown,
        ],
        cases=rules.index_cases.output.cases,
        models=expand(paths.MODEL, classifier=study.classifiers, allow_missing=True),
        raw=lambda w: ancient(raw_of(w)),
    output:
        json=paths.PROVENANCE,
        html=report(
            paths.PROVENANCE_PAGE,
            caption="captions/provenance.rst",
            category="{dataset}",
            subcategory="Provenance",
            labels={"content": "Code, inputs, machine, time and passes; cost"},
        ),
        # What each explainer took, from the benchmarks; differs between two runs, as times do.
        cost=paths.table("cost"),
    log:
        log_of("{dataset}/provenance"),
    benchmark:
        benchmark_of("{dataset}/provenance")
    resources:
        **needs(1000, 20),
    params:
        models=lambda w: {
            name: paths.fill(paths.MODEL, w, classifier=name)
            for name in study.classifiers
        },
        config=lambda w: {**cfg, "datasets": {w.dataset: study.datasets[w.dataset]}},
        plugins=lambda w: job_settings.all_plugins,
        patterns=lambda w: benchmark_patterns(w.dataset),
        wanted=job_settings.own_wildcards,
        digest=code_of("provenance.py"),
        templates=templates_digest(),
    message:
        "Writing down where the results of {wildcards.dataset} come from"
    script:
        "../workflow_scripts/provenance.py"
