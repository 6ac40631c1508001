# Known truth: the classifier can use only a planted mark. Which explainers find it?


rule known_truth_accuracy:
    input:
        prepared=job_files.shards(paths.PREPARED, ["test"]),
        raw=lambda w: ancient(raw_of(w)),
        model=job_files.model,
        classes=classes_of,
        cases=job_files.if_planted(paths.CASES),
        lung_model=job_files.if_planted(paths.LUNG_MODEL),
    output:
        paths.KNOWN_TRUTH_ACCURACY,
    log:
        log_of("{dataset}/known_truth/{classifier}/accuracy"),
    wildcard_constraints:
        classifier=any_of(study.classifiers),
    threads: THREADS
    resources:
        **needs(3000, 60, per_attempt=2000, gpu=GPUS),
    params:
        mark_class=job_settings.mark_class,
        compute=job_settings.compute("threads", "batch", "device", "dtype"),
        plugins=job_settings.classifier_plugins,
        settings=job_settings.retouched,
        lung=job_settings.lung,
        digest=known_truth_digest("known_truth_accuracy.py"),
    message:
        "Measuring the accuracy of {wildcards.classifier} on {wildcards.dataset} with and without the planted mark"
    script:
        "../workflow_scripts/known_truth_accuracy.py"


rule known_truth_scores:
    input:
        maps=job_files.shards(paths.MAPS, ["test"]),
        prepared=job_files.referenced(["test"]),
        raw=lambda w: ancient(raw_of(w)),
        classes=classes_of,
    output:
        paths.KNOWN_TRUTH,
    log:
        log_of("{dataset}/known_truth/{classifier}/{explainer}"),
    resources:
        **needs(1500, 60),
    params:
        mark_class=job_settings.mark_class,
        settings=job_settings.known_truth,
        digest=known_truth_digest("known_truth_scores.py"),
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}) against the planted mark of {wildcards.dataset}"
    script:
        "../workflow_scripts/known_truth_scores.py"
