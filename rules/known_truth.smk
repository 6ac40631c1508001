# Known truth: a phantom whose planted mark is all that a classifier can use. Who finds it?


rule known_truth_accuracy:
    input:
        prepared=prepared_of(["test"]),
        raw=lambda w: ancient(raw_of(w)),
        model=model_of,
        classes=classes_of,
    output:
        "results/{dataset}/known_truth/{classifier}/accuracy.csv",
    log:
        "results/logs/{dataset}/known_truth/{classifier}/accuracy.log",
    benchmark:
        "results/benchmarks/{dataset}/known_truth/{classifier}/accuracy.tsv"
    wildcard_constraints:
        classifier=any_of(CLASSIFIERS),
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(3000, 2000),
        runtime=minutes(60),
        gpu=GPUS,
    params:
        mark_class=mark_class_of,
        compute={key: COMPUTE[key] for key in ("threads", "batch", "device", "dtype")},
        plugins=plugins_of_classifier,
        digest=digests.module_digest(
            "classifiers.predict",
            "classifiers.weights.own_format",
            "datasets.sources.phantom.retouch",
            "datasets.prepare",
            "known_truth.dependence",
        ),
    message:
        "Asking {wildcards.classifier} about {wildcards.dataset} with and without its planted mark"
    script:
        "../workflow_scripts/known_truth_accuracy.py"


rule known_truth_scores:
    input:
        maps=lambda w: [
            f"results/{w.dataset}/{w.classifier}/{w.explainer}/maps/{shard}.h5"
            for shard in shard_names(w.dataset, ["test"])
        ],
        prepared=prepared_of(["test"]),
        raw=lambda w: ancient(raw_of(w)),
        classes=classes_of,
    output:
        "results/{dataset}/known_truth/{classifier}/{explainer}.parquet",
    log:
        "results/logs/{dataset}/known_truth/{classifier}/{explainer}.log",
    benchmark:
        "results/benchmarks/{dataset}/known_truth/{classifier}/{explainer}.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        mark_class=mark_class_of,
        settings=lambda w: {
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
            "sign": cfg["postprocess"]["sign"],
        },
        digest=digests.module_digest(
            "maps.case_maps",
            "datasets.sources.phantom.retouch",
            "known_truth.two_truths",
        ),
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}) against the planted mark of {wildcards.dataset}"
    script:
        "../workflow_scripts/known_truth_scores.py"


rule known_truth:
    input:
        scores=expand(
            "results/{{dataset}}/known_truth/{combination}.parquet",
            combination=["/".join(names) for names in COMBINATIONS],
        ),
        accuracies=expand(
            "results/{{dataset}}/known_truth/{classifier}/accuracy.csv",
            classifier=CLASSIFIERS,
        ),
    output:
        "results/{dataset}/tables/known_truth.csv",
    log:
        "results/logs/{dataset}/known_truth.log",
    benchmark:
        "results/benchmarks/{dataset}/known_truth.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    params:
        combos=lambda w: [
            {"dataset": w.dataset, "classifier": c, "explainer": e}
            for c, e in COMBINATIONS
        ],
        classifiers=list(CLASSIFIERS),
        settings={key: KNOWN_TRUTH[key] for key in ("accuracy", "level")},
        families=FAMILIES,
        statistics=INTERVALS,
        seed=cfg["seed"],
        digest=digests.module_digest("analysis.checks.known_truth", "tables.layout"),
    message:
        "Telling which explainers find the planted mark of {wildcards.dataset}"
    script:
        "../workflow_scripts/known_truth.py"
