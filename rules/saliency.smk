# Saliency maps: one job per shard, classifier and explainer.


def model_of(w):
    """The classifier's file; nothing for explainers that need none."""
    return (
        []
        if w.classifier == "none"
        else f"results/{w.dataset}/{w.classifier}/model.safetensors"
    )


def explain_threads(w):
    return 1 if w.classifier == "none" else COMPUTE["threads"]


def explain_compute(w):
    """What decides how a network computes; null baselines have none."""
    keys = ("batch",) if w.classifier == "none" else ("threads", "batch", "device")
    return {key: COMPUTE[key] for key in keys}


def explain_digest(w):
    """Code of the explainer, of the loop around it, and of the network where there is one."""
    network = [] if w.classifier == "none" else ["classifiers.store"]
    method = method_of(EXPLAINERS[w.explainer]["method"])
    return digests.module_digest(method.module, "explainers.runner", *network)


def explainer_settings(w):
    entry = dict(EXPLAINERS[w.explainer])
    if entry["method"].startswith("plugin:"):
        entry["plugins"] = plugins_for(entry["method"])
    return entry


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
