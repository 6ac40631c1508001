# Sanity checks of explainers, and whether networks trained alike give the same maps.


rule sanity:
    input:
        prepared=prepared_of(FAITHFULNESS_SPLITS),
        classes=classes_of,
        model=model_of,
    output:
        "results/{dataset}/{classifier}/{explainer}/sanity.parquet",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/sanity.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/sanity.tsv"
    wildcard_constraints:
        classifier=any_of(CLASSIFIERS),
        explainer=any_of(CHECKED),
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(7000, 4000),
        runtime=minutes(480),
        gpu=GPUS,
    params:
        explainer=explainer_settings,
        settings={
            **{key: cfg["sanity"][key] for key in ("cases", "tests", "layers")},
            "sign": cfg["postprocess"]["sign"],
        },
        target=target_of_explainer,
        seed=cfg["seed"],
        compute=explain_compute,
        plugins=plugins_of_classifier,
        digest=lambda w: explainer_code("sanity.py", w),
    message:
        "Checking {wildcards.explainer} with random weights and other classes ({wildcards.classifier}, {wildcards.dataset})"
    script:
        "../workflow_scripts/sanity.py"


rule summarize_sanity:
    input:
        lambda w: [
            f"results/{w.dataset}/{c}/{e}/sanity.parquet" for c, e in SANITY_PAIRS
        ],
    output:
        "results/{dataset}/tables/sanity.csv",
    log:
        "results/logs/{dataset}/summarize_sanity.log",
    benchmark:
        "results/benchmarks/{dataset}/summarize_sanity.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        combos=lambda w: [
            {"dataset": w.dataset, "classifier": c, "explainer": e}
            for c, e in SANITY_PAIRS
        ],
        statistics=INTERVALS,
        seed=cfg["seed"],
        digest=code_of("summarize_sanity.py"),
    message:
        "Summarizing the sanity checks on {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize_sanity.py"


rule repeatability:
    input:
        maps=lambda w: [
            f"results/{w.dataset}/{c}/{w.explainer}/maps/{shard}.h5"
            for c in REPEATED[w.base]
            for shard in shard_names(w.dataset, FAITHFULNESS_SPLITS)
        ],
        prepared=prepared_of(FAITHFULNESS_SPLITS),
        masks=lambda w: [
            f"results/{w.dataset}/{c}/{w.explainer}/{PRIMARY_BINARIZATION}/masks.json"
            for c in REPEATED[w.base]
        ],
    output:
        "results/{dataset}/repeatability/{base}/{explainer}.parquet",
    log:
        "results/logs/{dataset}/repeatability/{base}/{explainer}.log",
    benchmark:
        "results/benchmarks/{dataset}/repeatability/{base}/{explainer}.tsv"
    wildcard_constraints:
        base=any_of(REPEATED),
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        sign=cfg["postprocess"]["sign"],
        digest=code_of("repeatability.py"),
    message:
        "Comparing {wildcards.explainer} between the training seeds of {wildcards.base} on {wildcards.dataset}"
    script:
        "../workflow_scripts/repeatability.py"


rule summarize_repeatability:
    input:
        lambda w: [
            f"results/{w.dataset}/repeatability/{base}/{e}.parquet"
            for base, e in REPEATED_PAIRS
        ],
    output:
        "results/{dataset}/tables/repeatability.csv",
    log:
        "results/logs/{dataset}/summarize_repeatability.log",
    benchmark:
        "results/benchmarks/{dataset}/summarize_repeatability.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        combos=lambda w: [
            {
                "dataset": w.dataset,
                "classifier": base,
                "explainer": e,
                "binarization": PRIMARY_BINARIZATION,
            }
            for base, e in REPEATED_PAIRS
        ],
        statistics=INTERVALS,
        seed=cfg["seed"],
        digest=code_of("summarize_repeatability.py"),
    message:
        "Summarizing the agreement between training seeds on {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize_repeatability.py"
