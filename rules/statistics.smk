# From scores to statistics: means with intervals, paired tests, ranks, models, the verdict.


rule summarize:
    input:
        scores=job_files.scores,
        cases=paths.CASES,
    output:
        localization=paths.table("localization"),
    log:
        log_of("{dataset}/summarize"),
    benchmark:
        benchmark_of("{dataset}/summarize")
    resources:
        **needs(1500, 30),
    params:
        combos=lambda w: study.blocks(w.dataset),
        statistics=job_settings.intervals,
        metrics=job_settings.metric_names,
        seed=cfg["seed"],
        cohort=job_settings.cohort,
        digest=digests.module_digest(
            "analysis.localization",
            "analysis.coverage",
            "datasets.cases",
            "tables.layout",
        ),
    message:
        "Summarizing the scores of {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize.py"


rule compare:
    input:
        scores=job_files.scores,
    output:
        comparisons=paths.table("comparisons"),
    log:
        log_of("{dataset}/compare"),
    benchmark:
        benchmark_of("{dataset}/compare")
    resources:
        **needs(2000, 60),
    params:
        combos=lambda w: study.blocks(w.dataset),
        statistics=cfg["statistics"],
        metrics=job_settings.metric_names,
        seed=cfg["seed"],
        diagnostic=study.diagnostic,
        partial=study.partial,
        digest=digests.module_digest("analysis.comparisons", "tables.layout"),
    message:
        "Comparing the explainers on {wildcards.dataset}"
    script:
        "../workflow_scripts/compare.py"


rule without_twins:
    input:
        scores=job_files.primary_scores,
        near_duplicates=paths.NEAR_DUPLICATES,
    output:
        localization=paths.table("localization_without_near_duplicates"),
        comparisons=paths.table("comparisons_without_near_duplicates"),
    log:
        log_of("{dataset}/without_twins"),
    benchmark:
        benchmark_of("{dataset}/without_twins")
    resources:
        **needs(1500, 30),
    params:
        combos=lambda w: study.primary_blocks(w.dataset),
        statistics=cfg["statistics"],
        seed=cfg["seed"],
        partial=study.partial,
        digest=digests.module_digest(
            "analysis.without_near_duplicates", "tables.layout"
        ),
    message:
        "Computing the primary result of {wildcards.dataset} without near-duplicates"
    script:
        "../workflow_scripts/without_twins.py"


rule ranks:
    input:
        scores=job_files.scores,
    output:
        ranks=paths.table("ranks"),
    log:
        log_of("{dataset}/ranks"),
    benchmark:
        benchmark_of("{dataset}/ranks")
    resources:
        **needs(1500, 30),
    params:
        combos=lambda w: study.blocks(w.dataset),
        statistics=cfg["statistics"],
        metrics=job_settings.metric_names,
        families=study.families,
        diagnostic=study.diagnostic,
        digest=digests.module_digest("analysis.ranks", "tables.layout"),
    message:
        "Ranking the explainers on {wildcards.dataset}"
    script:
        "../workflow_scripts/ranks.py"


rule seeds:
    input:
        localization=rules.summarize.output.localization,
    output:
        seeds=paths.table("seeds"),
    log:
        log_of("{dataset}/seeds"),
    benchmark:
        benchmark_of("{dataset}/seeds")
    resources:
        **needs(1000, 20),
    params:
        bases=study.bases,
        digest=digests.module_digest("analysis.training_seeds", "tables.layout"),
    message:
        "Measuring the spread between training seeds on {wildcards.dataset}"
    script:
        "../workflow_scripts/seeds.py"


rule layers:
    input:
        localization=rules.summarize.output.localization,
        architectures=expand(
            paths.ARCHITECTURE, classifier=study.classifiers, allow_missing=True
        ),
    output:
        layers=paths.table("layers"),
    log:
        log_of("{dataset}/layers"),
    benchmark:
        benchmark_of("{dataset}/layers")
    resources:
        **needs(1000, 20),
    params:
        classifiers=list(study.classifiers),
        sweeps=study.sweeps,
        digest=digests.module_digest("analysis.layer_depth", "tables.layout"),
    message:
        "Joining scores and layers on {wildcards.dataset}"
    script:
        "../workflow_scripts/layers.py"


rule stability_cases:
    input:
        maps=job_files.stability_maps,
    output:
        paths.STABILITY,
    log:
        log_of("{dataset}/{classifier}/stability_cases"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/stability_cases")
    resources:
        **needs(1000, 30),
    params:
        blocks=job_files.stability_blocks,
        digest=digests.module_digest(
            "analysis.checks.map_stability", "maps.saliency_map"
        ),
    message:
        "Reading how stable the maps are ({wildcards.dataset}, {wildcards.classifier})"
    script:
        "../workflow_scripts/stability_cases.py"


rule stability:
    input:
        reported=expand(
            paths.STABILITY,
            classifier=study.reporting_classifiers,
            allow_missing=True,
        ),
    output:
        stability=paths.table("stability"),
    log:
        log_of("{dataset}/stability"),
    benchmark:
        benchmark_of("{dataset}/stability")
    resources:
        **needs(1000, 20),
    params:
        classifiers=study.reporting_classifiers,
        combos=study.reporting,
        digest=digests.module_digest("analysis.checks.map_stability", "tables.layout"),
    message:
        "Summarizing the stability of the maps of {wildcards.dataset}"
    script:
        "../workflow_scripts/stability.py"


rule threshold_curves:
    input:
        curves=job_files.of_own_explainers(paths.CURVES),
    output:
        paths.THRESHOLD_CURVES,
    log:
        log_of("{dataset}/{classifier}/threshold_curves"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/threshold_curves")
    resources:
        **needs(1500, 30),
    params:
        explainers=job_settings.own_explainers,
        statistics=job_settings.intervals,
        seed=cfg["seed"],
        digest=digests.module_digest("analysis.threshold_curves"),
    message:
        "Averaging the threshold curves of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/threshold_curves.py"


rule mixed_model:
    input:
        scores=job_files.primary_scores,
        classification=job_files.if_classified(paths.table("classification")),
    output:
        mixed_model=paths.table("mixed_model"),
    log:
        log_of("{dataset}/mixed_model"),
    benchmark:
        benchmark_of("{dataset}/mixed_model")
    resources:
        **needs(1500, 60),
    params:
        combos=lambda w: study.primary_blocks(w.dataset),
        statistics=cfg["statistics"],
        families=study.families,
        bases=study.bases,
        digest=digests.module_digest(
            "analysis.chance", "analysis.mixed_model", "tables.layout"
        ),
    message:
        "Fitting the mixed model of {wildcards.dataset}"
    script:
        "../workflow_scripts/mixed_model.py"


rule strata:
    input:
        scores=job_files.primary_scores,
    output:
        strata=paths.table("strata"),
    log:
        log_of("{dataset}/strata"),
    benchmark:
        benchmark_of("{dataset}/strata")
    resources:
        **needs(1500, 30),
    params:
        combos=lambda w: study.primary_blocks(w.dataset),
        statistics=cfg["statistics"],
        seed=cfg["seed"],
        digest=digests.module_digest("analysis.strata", "tables.layout"),
    message:
        "Summarizing the scores of {wildcards.dataset} by lesion size, prediction and confidence"
    script:
        "../workflow_scripts/strata.py"


# Case by case: what a classifier adds to the agreement among explainers without one.
rule agreement_cases:
    input:
        masks=job_files.of_explainers(paths.MASKS),
        cases=paths.CASES,
    output:
        paths.AGREEMENT,
    log:
        log_of("{dataset}/{classifier}/agreement_cases"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/agreement_cases")
    resources:
        **needs(1500, 30),
    params:
        explainers=job_settings.explainers_of,
        own=job_settings.own_explainers,
        digest=digests.module_digest("analysis.checks.mask_agreement", "datasets.cases"),
    message:
        "Comparing the masks of the explainers with one another ({wildcards.dataset}, {wildcards.classifier})"
    script:
        "../workflow_scripts/agreement_cases.py"


rule agreement:
    input:
        pairs=job_files.with_unclassified(paths.AGREEMENT),
        cases=paths.CASES,
    output:
        paths.table("agreement-{classifier}"),
    log:
        log_of("{dataset}/{classifier}/agreement"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/agreement")
    resources:
        **needs(1000, 20),
    params:
        explainers=job_settings.explainers_of,
        binarization=study.primary_binarization,
        digest=digests.module_digest(
            "analysis.checks.mask_agreement", "datasets.cases", "tables.layout"
        ),
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
        classification=job_files.if_classified(paths.table("classification")),
        class_order=job_files.if_classified(paths.table("class_order")),
        lung_quality=job_files.of_lung_model(paths.LUNG_QUALITY),
        counts=paths.CASE_COUNTS,
        near_duplicates=paths.NEAR_DUPLICATES,
        means_without_twins=rules.without_twins.output.localization,
        comparisons_without_twins=rules.without_twins.output.comparisons,
        faithfulness=branch(
            bool(study.faithfulness_pairs),
            then=paths.table("faithfulness_comparisons"),
            otherwise=[],
        ),
    output:
        markdown=paths.table("verdict", "md"),
        html=report(
            paths.table("verdict", "html"),
            caption="captions/verdict.rst",
            category="{dataset}",
            subcategory="Verdict",
            labels={"content": "The verdict in words"},
        ),
        json=paths.table("verdict", "json"),
    log:
        log_of("{dataset}/verdict"),
    benchmark:
        benchmark_of("{dataset}/verdict")
    resources:
        **needs(1000, 20),
    params:
        families=study.families,
        bases=study.bases,
        confounded=study.confounded,
        statistics=cfg["statistics"],
        lung_from=lambda w: study.lungs_from.get(w.dataset, ""),
        searched=lambda w: study.datasets[w.dataset]["near_duplicates"]
        not in ("off", False),
        digest=digests.module_digest(
            "verdict.chapters", "verdict.pages", "tables.layout"
        ),
    message:
        "Writing the verdict on {wildcards.dataset}"
    script:
        "../workflow_scripts/verdict.py"


rule human_benchmark:
    input:
        cases=paths.CASES,
        raw=raw_of,
    output:
        paths.table("human_benchmark"),
    log:
        log_of("{dataset}/human_benchmark"),
    benchmark:
        benchmark_of("{dataset}/human_benchmark")
    wildcard_constraints:
        dataset=any_of(study.with_points),
    resources:
        **needs(1500, 30),
    params:
        points=lambda w: study.datasets[w.dataset]["human_benchmark"]["points"],
        dataset=lambda w: w.dataset,
        statistics=job_settings.intervals,
        seed=cfg["seed"],
        reading=job_settings.reading,
        digest=digests.module_digest("analysis.checks.human_benchmark"),
    message:
        "Counting the hits of the human benchmark on {wildcards.dataset}"
    script:
        "../workflow_scripts/human_benchmark.py"
