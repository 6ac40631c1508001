# The origin of the results of a data set, and their computing cost.


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
            category=title_of_dataset,
            subcategory="Provenance",
            labels={"content": "Code, inputs and machine; time and memory"},
        ),
        # Cost of each explainer, from the benchmarks. It differs between two runs, as run times do.
        cost=paths.table("cost"),
    resources:
        **needs(1000, 20),
    params:
        models=lambda w: {
            name: paths.fill(paths.MODEL, w, classifier=name)
            for name in study.classifiers
        },
        config=lambda w: cfg.model_copy(
            update={"datasets": {w.dataset: study.datasets[w.dataset]}}
        ).recorded(),
        display=shown_as,
        plugins=lambda w: job_settings.all_plugins,
        patterns=lambda w: benchmark_patterns(w.dataset),
        wanted=job_settings.own_wildcards,
        templates=templates_digest(),
    message:
        "Recording where the results of {wildcards.dataset} come from"
    script:
        "../workflow_scripts/provenance.py"
