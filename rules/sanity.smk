# Sanity checks of explainers, and whether networks trained in the same way give the same maps.


rule sanity:
    input:
        prepared=job_files.shards(paths.PREPARED, [study.judged_split]),
        classes=classes_of,
        model=job_files.model,
    output:
        paths.SANITY,
    wildcard_constraints:
        classifier=any_of(study.classifiers),
        explainer=any_of(study.checked_explainers),
    threads: THREADS
    resources:
        **needs(7000, 480, per_attempt=4000, gpu=GPUS),
    params:
        explainer=job_settings.explainer,
        settings=job_settings.sanity,
        target=job_settings.target,
        seed=cfg.seed,
        compute=job_settings.explain_compute,
        plugins=job_settings.classifier_plugins,
        digest=lambda w: explainer_code("sanity.py", w),
    message:
        "Checking {wildcards.explainer} with random weights and other classes ({wildcards.classifier}, {wildcards.dataset})"
    script:
        "../workflow_scripts/sanity.py"


rule repeatability:
    input:
        maps=job_files.repeated_maps,
        prepared=job_files.shards(paths.PREPARED, [study.judged_split]),
        masks=job_files.repeated_masks,
    output:
        paths.REPEATABILITY,
    log:
        log_of("{dataset}/repeatability/{base}/{explainer}"),
    wildcard_constraints:
        base=any_of(study.repeated),
    resources:
        **needs(1500, 60),
    params:
        sign=cfg.postprocess.sign,
    message:
        "Comparing {wildcards.explainer} between the training seeds of {wildcards.base} on {wildcards.dataset}"
    script:
        "../workflow_scripts/repeatability.py"
