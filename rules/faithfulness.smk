# Faithfulness: does the classifier use what the maps show? Also measured for the null baselines.


rule faithfulness:
    input:
        maps=job_files.faithfulness_maps,
        prepared=job_files.shards(paths.PREPARED, [study.judged_split]),
        model=job_files.model,
        masks=job_files.faithfulness_masks,
        classes=classes_of,
    output:
        paths.FAITHFULNESS,
    log:
        log_of("{dataset}/faithfulness/{classifier}/{explainer}"),
    wildcard_constraints:
        classifier=any_of(study.classifiers),
    threads: THREADS
    resources:
        **needs(3000, 240, per_attempt=2000, gpu=GPUS),
    params:
        settings=job_settings.faithfulness,
        target=cfg.explain.target,
        seed=cfg.seed,
        compute=job_settings.compute("threads", "batch", "device", "dtype"),
        plugins=job_settings.classifier_plugins,
        digest=code_of("faithfulness.py", names=tuple(cfg.faithfulness.metrics)),
    message:
        "Measuring the faithfulness of {wildcards.explainer} to {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/faithfulness.py"


rule hiding:
    input:
        prepared=job_files.referenced([study.judged_split]),
        model=job_files.model,
        classes=classes_of,
    output:
        paths.HIDING,
    log:
        log_of("{dataset}/hiding/{classifier}"),
    wildcard_constraints:
        classifier=any_of(study.control_names),
    threads: THREADS
    resources:
        **needs(3000, 120, per_attempt=2000, gpu=GPUS),
    params:
        seed=cfg.seed,
        compute=job_settings.compute("threads", "batch", "device", "dtype"),
        plugins=job_settings.classifier_plugins,
    message:
        "Hiding the lesions from {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/hiding.py"


rule sensitivity:
    input:
        prepared=job_files.shards(paths.PREPARED, [study.judged_split]),
        classes=classes_of,
        model=job_files.model,
        fitted=job_files.fitted,
    output:
        paths.SENSITIVITY,
    wildcard_constraints:
        explainer=any_of(e for e in study.explainers if e not in study.given),
    threads: lambda w: THREADS if w.explainer in study.with_network else 1
    resources:
        **needs(
            7000,
            480,
            per_attempt=4000,
            gpu=lambda w: GPUS if w.explainer in study.with_network else 0,
        ),
    params:
        explainer=job_settings.explainer,
        settings=job_settings.sensitivity,
        target=job_settings.target,
        seed=cfg.seed,
        compute=job_settings.explain_compute,
        plugins=job_settings.classifier_plugins,
        digest=lambda w: explainer_code("sensitivity.py", w),
    message:
        "Measuring how much the maps of {wildcards.explainer} change with the image ({wildcards.classifier}, {wildcards.dataset})"
    script:
        "../workflow_scripts/sensitivity.py"
