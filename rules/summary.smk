# Formatted tables, the summary over data sets, and what the targets `tables` and `figures` hold.


rule format_tables:
    input:
        localization=rules.summarize.output.localization,
        comparisons=rules.compare.output.comparisons,
        seeds=rules.seeds.output.seeds,
        strata=rules.strata.output.strata,
        mixed_model=rules.mixed_model.output.mixed_model,
        classification=branch(
            bool(CLASSIFIERS),
            then="results/{dataset}/tables/classification.csv",
            otherwise=[],
        ),
        class_order=branch(
            bool(CLASSIFIERS),
            then="results/{dataset}/tables/class_order.csv",
            otherwise=[],
        ),
        lung_quality=lung_file("quality.csv"),
        counts="results/{dataset}/case_counts.csv",
        checks=check_tables,
    output:
        markdown="results/{dataset}/tables/tables.md",
        latex="results/{dataset}/tables/tables.tex",
        html=report(
            "results/{dataset}/tables/tables.html",
            caption="captions/tables.rst",
            category="{dataset}",
            subcategory="Tables",
            labels={"content": "All tables"},
        ),
    log:
        "results/logs/{dataset}/format_tables.log",
    benchmark:
        "results/benchmarks/{dataset}/format_tables.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        settings=lambda w: {
            "statistics": cfg["statistics"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
            "empty": cfg["scores"]["empty"],
            "families": FAMILIES,
            "diagnostic": DIAGNOSTIC,
            "bases": BASES,
            "confounded": settings.confounded(cfg),
        },
        digest=digests.module_digest("analysis.chance", "tables"),
    message:
        "Formatting the tables of {wildcards.dataset}"
    script:
        "../workflow_scripts/format_tables.py"


rule summary_over_datasets:
    input:
        localization=expand(
            "results/{dataset}/tables/localization.csv", dataset=STUDIES
        ),
        classification=branch(
            bool(CLASSIFIERS),
            then=expand(
                "results/{dataset}/tables/classification.csv", dataset=DATASETS
            ),
            otherwise=[],
        ),
    output:
        localization="results/summary/tables/localization.csv",
        classification="results/summary/tables/classification.csv",
        inputs="results/summary/tables/inputs.csv",
        inputs_markdown="results/summary/tables/inputs.md",
        png=report(
            "results/summary/figures/localization.png",
            caption="captions/summary.rst",
            category="Summary",
            labels={"content": "All data sets"},
        ),
        pdf="results/summary/figures/localization.pdf",
    log:
        "results/logs/summary_over_datasets.log",
    benchmark:
        "results/benchmarks/summary_over_datasets.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    params:
        datasets=STUDIES,
        families=FAMILIES,
        metric=cfg["statistics"]["primary"],
        binarization=PRIMARY_BINARIZATION,
        least_accuracy=cfg["statistics"]["least_accuracy"],
        dpi=cfg["figures"]["dpi"],
        digest=digests.module_digest(
            "analysis.chance",
            "figures.overview",
            "analysis.input_ablation",
            "analysis.localization",
            "tables",
            "tables.input_ablation",
        ),
    message:
        "Joining the tables of all data sets"
    script:
        "../workflow_scripts/summary_over_datasets.py"


rule tables:
    input:
        expand(
            "results/{dataset}/tables/{table}",
            dataset=STUDIES,
            table=[
                "localization.csv",
                "comparisons.csv",
                "ranks.csv",
                "seeds.csv",
                "strata.csv",
                "mixed_model.csv",
                "verdict.md",
                "verdict.html",
                "verdict.json",
                "tables.md",
                "tables.tex",
                "tables.html",
            ],
        ),
        expand(
            "results/{dataset}/tables/classification.csv",
            dataset=DATASETS if CLASSIFIERS else [],
        ),
        expand(rules.checks.output, dataset=DATASETS),
        expand("results/{dataset}/tables/human_benchmark.csv", dataset=WITH_POINTS),
        expand(
            "results/{dataset}/tables/layers.csv",
            dataset=STUDIES if SWEEPS and CLASSIFIERS else [],
        ),
        expand(
            "results/{dataset}/tables/{table}.csv",
            dataset=STUDIES,
            table=CHECK_TABLES,
        ),
        expand(
            "results/{dataset}/tables/known_truth.csv",
            dataset=KNOWN_TRUTH["datasets"],
        ),
