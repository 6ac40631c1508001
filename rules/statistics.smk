# From scores to statistics: means with intervals, paired tests, ranks, models, the verdict.


rule summarize:
    input:
        scores=all_scores,
        cases="results/{dataset}/cases.csv",
    output:
        localization="results/{dataset}/tables/localization.csv",
    log:
        "results/logs/{dataset}/summarize.log",
    benchmark:
        "results/benchmarks/{dataset}/summarize.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        combos=lambda w: combinations(w.dataset),
        statistics=INTERVALS,
        metrics=METRIC_NAMES,
        seed=cfg["seed"],
        cohort=cohort_asked_for,
        digest=code_of("summarize.py", names=METRICS),
    message:
        "Summarizing the scores of {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize.py"


rule compare:
    input:
        scores=all_scores,
    output:
        comparisons="results/{dataset}/tables/comparisons.csv",
    log:
        "results/logs/{dataset}/compare.log",
    benchmark:
        "results/benchmarks/{dataset}/compare.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        combos=lambda w: combinations(w.dataset),
        statistics=cfg["statistics"],
        metrics=METRIC_NAMES,
        seed=cfg["seed"],
        diagnostic=DIAGNOSTIC,
        partial=PARTIAL,
        digest=code_of("compare.py", names=METRICS),
    message:
        "Comparing the explainers on {wildcards.dataset}"
    script:
        "../workflow_scripts/compare.py"


rule without_twins:
    input:
        scores=primary_scores,
        near_duplicates="results/{dataset}/near_duplicates.csv",
    output:
        localization="results/{dataset}/tables/localization_without_near_duplicates.csv",
        comparisons="results/{dataset}/tables/comparisons_without_near_duplicates.csv",
    log:
        "results/logs/{dataset}/without_twins.log",
    benchmark:
        "results/benchmarks/{dataset}/without_twins.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        combos=lambda w: primary_combinations(w.dataset),
        statistics=cfg["statistics"],
        seed=cfg["seed"],
        partial=PARTIAL,
        digest=code_of("without_twins.py", names=METRICS),
    message:
        "Computing the primary result of {wildcards.dataset} without near-duplicates"
    script:
        "../workflow_scripts/without_twins.py"


rule ranks:
    input:
        scores=all_scores,
    output:
        ranks="results/{dataset}/tables/ranks.csv",
    log:
        "results/logs/{dataset}/ranks.log",
    benchmark:
        "results/benchmarks/{dataset}/ranks.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        combos=lambda w: combinations(w.dataset),
        statistics=cfg["statistics"],
        metrics=METRIC_NAMES,
        families=FAMILIES,
        diagnostic=DIAGNOSTIC,
        digest=code_of("ranks.py", names=METRICS),
    message:
        "Ranking the explainers on {wildcards.dataset}"
    script:
        "../workflow_scripts/ranks.py"


rule seeds:
    input:
        localization=rules.summarize.output.localization,
    output:
        seeds="results/{dataset}/tables/seeds.csv",
    log:
        "results/logs/{dataset}/seeds.log",
    benchmark:
        "results/benchmarks/{dataset}/seeds.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        bases=BASES,
        digest=code_of("seeds.py"),
    message:
        "Measuring the spread between training seeds on {wildcards.dataset}"
    script:
        "../workflow_scripts/seeds.py"


rule layers:
    input:
        localization=rules.summarize.output.localization,
        architectures=expand(
            "results/{{dataset}}/{classifier}/architecture.json",
            classifier=CLASSIFIERS,
        ),
    output:
        layers="results/{dataset}/tables/layers.csv",
    log:
        "results/logs/{dataset}/layers.log",
    benchmark:
        "results/benchmarks/{dataset}/layers.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        classifiers=list(CLASSIFIERS),
        sweeps=SWEEPS,
        digest=code_of("layers.py"),
    message:
        "Joining scores and layers on {wildcards.dataset}"
    script:
        "../workflow_scripts/layers.py"


rule stability_cases:
    input:
        maps=lambda w: [f[-1] for f in stability_files(w.dataset, w.classifier)],
    output:
        "results/{dataset}/{classifier}/stability.parquet",
    log:
        "results/logs/{dataset}/{classifier}/stability_cases.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/stability_cases.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    params:
        blocks=lambda w: [f[:2] for f in stability_files(w.dataset, w.classifier)],
        digest=code_of("stability_cases.py"),
    message:
        "Reading how stable the maps are ({wildcards.dataset}, {wildcards.classifier})"
    script:
        "../workflow_scripts/stability_cases.py"


rule stability:
    input:
        reported=expand(
            "results/{{dataset}}/{classifier}/stability.parquet",
            classifier=REPORTING_CLASSIFIERS,
        ),
    output:
        stability="results/{dataset}/tables/stability.csv",
    log:
        "results/logs/{dataset}/stability.log",
    benchmark:
        "results/benchmarks/{dataset}/stability.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        classifiers=REPORTING_CLASSIFIERS,
        combos=REPORTING,
        digest=code_of("stability.py"),
    message:
        "Summarizing the stability of the maps of {wildcards.dataset}"
    script:
        "../workflow_scripts/stability.py"


rule threshold_curves:
    input:
        curves=lambda w: [
            f"results/{w.dataset}/{c}/{e}/curves.parquet"
            for c, e in own_explainers(w.classifier)
        ],
    output:
        "results/{dataset}/{classifier}/threshold_curves.parquet",
    log:
        "results/logs/{dataset}/{classifier}/threshold_curves.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/threshold_curves.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        explainers=lambda w: [e for _, e in own_explainers(w.classifier)],
        statistics=INTERVALS,
        seed=cfg["seed"],
        digest=code_of("threshold_curves.py"),
    message:
        "Averaging the threshold curves of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/threshold_curves.py"


rule mixed_model:
    input:
        scores=primary_scores,
        classification=branch(
            bool(CLASSIFIERS),
            then="results/{dataset}/tables/classification.csv",
            otherwise=[],
        ),
    output:
        mixed_model="results/{dataset}/tables/mixed_model.csv",
    log:
        "results/logs/{dataset}/mixed_model.log",
    benchmark:
        "results/benchmarks/{dataset}/mixed_model.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        combos=lambda w: primary_combinations(w.dataset),
        statistics=cfg["statistics"],
        families=FAMILIES,
        bases=BASES,
        digest=code_of("mixed_model.py"),
    message:
        "Fitting the mixed model of {wildcards.dataset}"
    script:
        "../workflow_scripts/mixed_model.py"


rule strata:
    input:
        scores=primary_scores,
    output:
        strata="results/{dataset}/tables/strata.csv",
    log:
        "results/logs/{dataset}/strata.log",
    benchmark:
        "results/benchmarks/{dataset}/strata.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        combos=lambda w: primary_combinations(w.dataset),
        statistics=cfg["statistics"],
        seed=cfg["seed"],
        digest=code_of("strata.py", names=METRICS),
    message:
        "Summarizing the scores of {wildcards.dataset} by lesion size, prediction and confidence"
    script:
        "../workflow_scripts/strata.py"


# Case by case: what a classifier adds to the agreement among explainers without one.
rule agreement_cases:
    input:
        masks=lambda w: [
            f"results/{w.dataset}/{c}/{e}/{PRIMARY_BINARIZATION}/masks.json"
            for c, e in explainers_of(w.classifier)
        ],
        cases="results/{dataset}/cases.csv",
    output:
        "results/{dataset}/{classifier}/agreement.parquet",
    log:
        "results/logs/{dataset}/{classifier}/agreement_cases.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/agreement_cases.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        own=lambda w: [e for _, e in own_explainers(w.classifier)],
        digest=code_of("agreement_cases.py"),
    message:
        "Comparing the masks of the explainers with one another ({wildcards.dataset}, {wildcards.classifier})"
    script:
        "../workflow_scripts/agreement_cases.py"


rule agreement:
    input:
        pairs=per_unit("agreement.parquet"),
        cases="results/{dataset}/cases.csv",
    output:
        "results/{dataset}/tables/agreement-{classifier}.csv",
    log:
        "results/logs/{dataset}/{classifier}/agreement.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/agreement.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        binarization=PRIMARY_BINARIZATION,
        digest=code_of("agreement.py"),
    message:
        "Summarizing the agreement of the explainers ({wildcards.dataset}, {wildcards.classifier})"
    script:
        "../workflow_scripts/agreement.py"


rule verdict:
    input:
        localization=rules.summarize.output.localization,
        comparisons=rules.compare.output.comparisons,
        ranks=rules.ranks.output.ranks,
        seeds=rules.seeds.output.seeds,
        stability=rules.stability.output.stability,
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
        near_duplicates="results/{dataset}/near_duplicates.csv",
        means_without_twins=rules.without_twins.output.localization,
        comparisons_without_twins=rules.without_twins.output.comparisons,
        faithfulness=branch(
            bool(FAITHFULNESS_PAIRS),
            then="results/{dataset}/tables/faithfulness_comparisons.csv",
            otherwise=[],
        ),
    output:
        markdown="results/{dataset}/tables/verdict.md",
        html=report(
            "results/{dataset}/tables/verdict.html",
            caption="captions/verdict.rst",
            category="{dataset}",
            subcategory="Verdict",
            labels={"content": "The verdict in words"},
        ),
        json="results/{dataset}/tables/verdict.json",
    log:
        "results/logs/{dataset}/verdict.log",
    benchmark:
        "results/benchmarks/{dataset}/verdict.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        families=FAMILIES,
        bases=BASES,
        confounded=settings.confounded(cfg),
        statistics=cfg["statistics"],
        lung_from=lambda w: LUNGS_FROM.get(w.dataset, ""),
        searched=lambda w: DATASETS[w.dataset]["near_duplicates"] not in ("off", False),
        digest=code_of("verdict.py", names=METRICS),
    message:
        "Writing the verdict on {wildcards.dataset}"
    script:
        "../workflow_scripts/verdict.py"


rule human_benchmark:
    input:
        cases="results/{dataset}/cases.csv",
        raw=raw_of,
    output:
        "results/{dataset}/tables/human_benchmark.csv",
    log:
        "results/logs/{dataset}/human_benchmark.log",
    benchmark:
        "results/benchmarks/{dataset}/human_benchmark.tsv"
    wildcard_constraints:
        dataset=any_of(WITH_POINTS),
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        points=lambda w: DATASETS[w.dataset]["human_benchmark"]["points"],
        dataset=lambda w: w.dataset,
        statistics=INTERVALS,
        seed=cfg["seed"],
        reading=lambda w: subset(w.dataset, READING_KEYS),
        digest=code_of("human_benchmark.py"),
    message:
        "Counting the hits of the human benchmark on {wildcards.dataset}"
    script:
        "../workflow_scripts/human_benchmark.py"
