# Saliency maps: one job per shard, classifier and explainer.


rule explain:
    input:
        prepared="results/{dataset}/prepared/{shard}.h5",
        classes=classes_of,
        model=model_of,
    output:
        "results/{dataset}/{classifier}/{explainer}/maps/{shard}.h5",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/explain/{shard}.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/explain/{shard}.tsv"
    conda:
        ENV
    threads: explain_threads
    resources:
        mem_mb=memory(3000, 2000),
        runtime=240,
    params:
        settings=explainer_settings,
        target=lambda w: (
            "reference" if w.classifier == "none" else cfg["explain"]["target"]
        ),
        # A param that looks at `input` triggers no rerun: finished shards stay finished.
        max_failed_cases=lambda w, input: cfg["explain"]["max_failed_cases"],
        seed=cfg["seed"],
        compute=explain_compute,
        plugins=lambda w: plugins_for(
            CLASSIFIERS.get(w.classifier, {}).get("architecture", "none")
        ),
        digest=explain_digest,
    message:
        "Explaining {wildcards.shard} of {wildcards.dataset}: {wildcards.explainer}, classifier {wildcards.classifier}"
    script:
        "../workflow_scripts/explain.py"
