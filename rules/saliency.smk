# Saliency maps: one job per shard, classifier and explainer.


rule fit:
    input:
        train=prepared_of(["train"]),
        val=prepared_of(["val"]),
    output:
        "results/{dataset}/none/{explainer}/fitted.safetensors",
    log:
        "results/logs/{dataset}/none/{explainer}/fit.log",
    benchmark:
        "results/benchmarks/{dataset}/none/{explainer}/fit.tsv"
    wildcard_constraints:
        explainer=any_of(FITTED),
    priority: 50  # as training: it can take hours, and maps wait for it
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(3000, 2000),
        runtime=minutes(240),
        gpu=GPUS,
    params:
        settings=explainer_settings,
        seed=cfg["seed"],
        compute={key: COMPUTE[key] for key in ("threads", "device")},
        digest=lambda w: explainer_code("fit.py", w),
    message:
        "Fitting {wildcards.explainer} to the training masks of {wildcards.dataset}"
    script:
        "../workflow_scripts/fit.py"


rule check_imported:
    input:
        cases="results/{dataset}/cases.csv",
    output:
        "results/{dataset}/none/{explainer}/imported.csv",
    log:
        "results/logs/{dataset}/none/{explainer}/check_imported.log",
    benchmark:
        "results/benchmarks/{dataset}/none/{explainer}/check_imported.tsv"
    wildcard_constraints:
        explainer=any_of(IMPORTED),
    # Before anything is trained: a map that is missing or damaged is told in minutes.
    priority: 100
    conda:
        ENV
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        settings=explainer_settings,
        annotated=lambda w: DATASETS[w.dataset]["annotated_classes"],
        splits=cfg["explain"]["splits"],
        digest=code_of("check_imported.py"),
    message:
        "Checking the imported maps {wildcards.explainer} of {wildcards.dataset}"
    script:
        "../workflow_scripts/check_imported.py"


rule explain:
    input:
        prepared="results/{dataset}/prepared/{shard}.h5",
        # Not read: through the checkpoint, each shard's job is planned anew when shards are known.
        classes=classes_of,
        model=model_of,
        fitted=fitted_of,
    output:
        "results/{dataset}/{classifier}/{explainer}/maps/{shard}.h5",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/explain/{shard}.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/explain/{shard}.tsv"
    wildcard_constraints:
        explainer=any_of(NETWORK_EXPLAINERS),
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(7000, 4000),
        runtime=minutes(240),
        gpu=GPUS,
    params:
        settings=explainer_settings,
        target=target_of_explainer,
        # A param that looks at `input` triggers no rerun: finished shards stay finished.
        max_failed_cases=lambda w, input: cfg["explain"]["max_failed_cases"],
        seed=cfg["seed"],
        compute=explain_compute,
        plugins=plugins_of_classifier,
        digest=lambda w: explainer_code("explain.py", w),
    message:
        "Explaining {wildcards.shard} of {wildcards.dataset}: {wildcards.explainer}, classifier {wildcards.classifier}"
    script:
        "../workflow_scripts/explain.py"


# A rule of its own: seconds per shard, and a SLURM array asks for all its jobs what one of them needs.
use rule explain as explain_without_network with:
    wildcard_constraints:
        explainer=any_of(LIGHT_EXPLAINERS),
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(60),


# The same where it is not seconds: no local rule, so that no cluster's head node does it.
use rule explain_without_network as explain_on_cpu with:
    wildcard_constraints:
        explainer=any_of(CPU_EXPLAINERS),
    resources:
        mem_mb=memory(2000),
        runtime=minutes(240),
