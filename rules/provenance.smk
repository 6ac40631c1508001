# Where the results of a data set come from, and what they took.


rule provenance:
    input:
        tables=[
            rules.summarize.output.localization,
            rules.compare.output.comparisons,
            rules.verdict.output.json,
            rules.format_tables.output.markdown,
        ],
        cases=rules.index_cases.output.cases,
        models=expand(
            "results/{{dataset}}/{classifier}/model.safetensors",
            classifier=CLASSIFIERS,
        ),
        raw=lambda w: ancient(raw_of(w)),
    output:
        json="results/{dataset}/provenance.json",
        html=report(
            "results/{dataset}/provenance.html",
            caption="captions/provenance.rst",
            category="{dataset}",
            subcategory="Provenance",
            labels={"content": "Code, inputs, machine, time and passes; cost"},
        ),
        # What each explainer took, from the benchmarks; differs between two runs, as times do.
        cost="results/{dataset}/tables/cost.csv",
    log:
        "results/logs/{dataset}/provenance.log",
    benchmark:
        "results/benchmarks/{dataset}/provenance.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        models=lambda w: {
            name: f"results/{w.dataset}/{name}/model.safetensors"
            for name in CLASSIFIERS
        },
        config=lambda w: {**cfg, "datasets": {w.dataset: DATASETS[w.dataset]}},
        plugins=lambda w: {path: digests.file_digest(path) for path in cfg["plugins"]},
        patterns=lambda w: benchmark_patterns(w.dataset),
        wanted=lambda w: jobs_wanted(w.dataset),
        digest=code_of("provenance.py"),
    message:
        "Writing down where the results of {wildcards.dataset} come from"
    script:
        "../workflow_scripts/provenance.py"
