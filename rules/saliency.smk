# Saliency maps: one job per shard, classifier and explainer.


rule fit:
    input:
        train=job_files.referenced(["train"]),
        val=job_files.referenced(["val"]),
    output:
        paths.FITTED,
    log:
        log_of("{dataset}/none/{explainer}/fit"),
    wildcard_constraints:
        explainer=any_of(study.fitted),
    priority: 50  # as for training: it can take hours, and maps wait for it
    threads: THREADS
    resources:
        **needs(
            3000,
            240,
            per_attempt=2000,
            gpu=lambda w: GPUS if w.explainer in study.with_network else 0,
        ),
    params:
        settings=job_settings.explainer,
        seed=cfg.seed,
        compute=job_settings.compute("threads", "device"),
        digest=lambda w: explainer_code("fit.py", w),
    message:
        "Fitting {wildcards.explainer} to the training masks of {wildcards.dataset}"
    script:
        "../workflow_scripts/fit.py"


rule check_imported:
    input:
        cases=paths.CASES,
    output:
        paths.IMPORTED,
    log:
        log_of("{dataset}/none/{explainer}/check_imported"),
    wildcard_constraints:
        explainer=any_of(study.imported),
    # Runs before any training, so that a missing or damaged map is reported within minutes.
    priority: 100
    resources:
        **needs(2000, 60),
    params:
        settings=job_settings.explainer,
        annotated=job_settings.of_dataset("annotated_classes"),
        splits=cfg.explain.splits,
    message:
        "Checking the imported maps {wildcards.explainer} of {wildcards.dataset}"
    script:
        "../workflow_scripts/check_imported.py"


rule explain:
    input:
        prepared=paths.PREPARED,
        # Not read by the script. It goes through the checkpoint, so that Snakemake plans each
        # shard's job again once the shards are known.
        classes=classes_of,
        model=job_files.model,
        fitted=job_files.fitted,
    output:
        paths.MAPS,
    log:
        log_of(paths.EXPLAIN),
    wildcard_constraints:
        explainer=any_of(study.with_network),
    threads: THREADS
    resources:
        **needs(7000, 240, per_attempt=4000, gpu=GPUS),
    params:
        settings=job_settings.explainer,
        target=job_settings.target,
        # A param function that takes `input` triggers no rerun, so finished shards stay finished.
        max_failed_cases=lambda w, input: cfg.explain.max_failed_cases,
        seed=cfg.seed,
        compute=job_settings.explain_compute,
        plugins=job_settings.classifier_plugins,
        digest=lambda w: explainer_code("explain.py", w),
    message:
        "Explaining {wildcards.shard} of {wildcards.dataset}: {wildcards.explainer}, classifier {wildcards.classifier}"
    script:
        "../workflow_scripts/explain.py"


# A separate rule: it takes seconds per shard, and a SLURM array requests the same resources for all
# its jobs.
use rule explain as explain_without_network with:
    wildcard_constraints:
        explainer=any_of(study.light),
    threads: 1
    resources:
        **needs(1000, 60),


# For explainers without a network that take longer: not a local rule, so it never runs on a
# cluster's head node.
use rule explain_without_network as explain_on_cpu with:
    wildcard_constraints:
        explainer=any_of(study.slow_without_network),
    resources:
        **needs(2000, 240),
