# Faithfulness: does the classifier use what the maps show. Null baselines are asked too.


rule faithfulness:
    input:
        maps=faithfulness_maps,
        prepared=prepared_of(FAITHFULNESS_SPLITS),
        model=model_of,
        masks=faithfulness_masks,
        classes=classes_of,
    output:
        "results/{dataset}/faithfulness/{classifier}/{explainer}.parquet",
    log:
        "results/logs/{dataset}/faithfulness/{classifier}/{explainer}.log",
    benchmark:
        "results/benchmarks/{dataset}/faithfulness/{classifier}/{explainer}.tsv"
    wildcard_constraints:
        classifier=any_of(CLASSIFIERS),
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(3000, 2000),
        runtime=minutes(240),
        gpu=GPUS,
    params:
        settings=faithfulness_settings,
        target=cfg["explain"]["target"],
        seed=cfg["seed"],
        compute={key: COMPUTE[key] for key in ("threads", "batch", "device", "dtype")},
        plugins=plugins_of_classifier,
        digest=code_of("faithfulness.py", names=tuple(FAITHFULNESS["metrics"])),
    message:
        "Measuring the faithfulness of {wildcards.explainer} to {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/faithfulness.py"


rule sensitivity:
    input:
        prepared=prepared_of(FAITHFULNESS_SPLITS),
        classes=classes_of,
        model=model_of,
        fitted=fitted_of,
    output:
        "results/{dataset}/{classifier}/{explainer}/sensitivity.parquet",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/sensitivity.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/sensitivity.tsv"
    wildcard_constraints:
        explainer=any_of(name for name in EXPLAINERS if name not in GIVEN),
    conda:
        ENV
    threads: lambda w: COMPUTE["threads"] if w.explainer in NETWORK_EXPLAINERS else 1
    resources:
        mem_mb=memory(7000, 4000),
        runtime=minutes(480),
        gpu=lambda w: GPUS if w.explainer in NETWORK_EXPLAINERS else 0,
    params:
        explainer=explainer_settings,
        settings={
            **FAITHFULNESS["sensitivity"],
            "sign": cfg["postprocess"]["sign"],
        },
        target=target_of_explainer,
        seed=cfg["seed"],
        compute=explain_compute,
        plugins=plugins_of_classifier,
        digest=lambda w: explainer_code("sensitivity.py", w),
    message:
        "Measuring how far changed images move the maps of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset})"
    script:
        "../workflow_scripts/sensitivity.py"


rule summarize_faithfulness:
    input:
        faithfulness=lambda w: [
            f"results/{w.dataset}/faithfulness/{c}/{e}.parquet"
            for c, e in FAITHFULNESS_PAIRS
        ],
        scores=lambda w: [faithfulness_scores(w, c, e) for c, e in FAITHFULNESS_PAIRS],
        sensitivity=sensitivity_files,
    output:
        summary="results/{dataset}/tables/faithfulness.csv",
        cases="results/{dataset}/tables/faithfulness_cases.csv",
    log:
        "results/logs/{dataset}/summarize_faithfulness.log",
    benchmark:
        "results/benchmarks/{dataset}/summarize_faithfulness.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        combos=lambda w: [
            {"dataset": w.dataset, "classifier": c, "explainer": e}
            for c, e in FAITHFULNESS_PAIRS
        ],
        metrics=FAITHFULNESS["metrics"],
        given=GIVEN,
        primary=cfg["statistics"]["primary"],
        statistics=INTERVALS,
        seed=cfg["seed"],
        digest=code_of("summarize_faithfulness.py", names=METRICS),
    message:
        "Joining faithfulness and localization on {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize_faithfulness.py"


rule compare_faithfulness:
    input:
        cases=rules.summarize_faithfulness.output.cases,
    output:
        comparisons="results/{dataset}/tables/faithfulness_comparisons.csv",
    log:
        "results/logs/{dataset}/compare_faithfulness.log",
    benchmark:
        "results/benchmarks/{dataset}/compare_faithfulness.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        metrics=FAITHFULNESS["metrics"],
        statistics=TESTS,
        seed=cfg["seed"],
        digest=code_of("compare_faithfulness.py", names=METRICS),
    message:
        "Comparing the faithfulness of the explainers on {wildcards.dataset}"
    script:
        "../workflow_scripts/compare_faithfulness.py"
