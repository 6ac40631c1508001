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
        runtime=240,
    params:
        settings={**FAITHFULNESS, "sign": cfg["postprocess"]["sign"]},
        target=cfg["explain"]["target"],
        seed=cfg["seed"],
        compute={key: COMPUTE[key] for key in ("threads", "batch", "device", "dtype")},
        plugins=lambda w: plugins_for(CLASSIFIERS[w.classifier]["architecture"]),
        digest=digests.module_digest(
            "faithfulness.answers",
            "faithfulness.cohort",
            "faithfulness.measure",
            "classifiers.predict",
            "classifiers.store",
            "cohort",
            "datasets.prepared",
            "explainers.runner",
            "masks",
        ),
    message:
        "Measuring the faithfulness of {wildcards.explainer} to {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/faithfulness.py"


rule summarize_faithfulness:
    input:
        faithfulness=lambda w: [
            f"results/{w.dataset}/faithfulness/{c}/{e}.parquet"
            for c, e in FAITHFULNESS_PAIRS
        ],
        scores=lambda w: [faithfulness_scores(w, c, e) for c, e in FAITHFULNESS_PAIRS],
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
        runtime=30,
    params:
        combos=lambda w: [
            {"dataset": w.dataset, "classifier": c, "explainer": e}
            for c, e in FAITHFULNESS_PAIRS
        ],
        metrics=FAITHFULNESS["metrics"],
        primary=cfg["statistics"]["primary"],
        statistics=INTERVALS,
        seed=cfg["seed"],
        digest=digests.module_digest("faithfulness.table", "tables.layout"),
    message:
        "Joining faithfulness and localization on {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize_faithfulness.py"
