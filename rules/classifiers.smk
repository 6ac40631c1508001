# Classifiers: check, train or load them, predict with them and evaluate them.


rule check_classifier:
    output:
        paths.ARCHITECTURE,
    priority: 100
    resources:
        **needs(2000, 20),
    params:
        settings=job_settings.weights,
        data=job_settings.data_to_check,
        layers=job_settings.layers,
        gradients=study.use_gradient,
        image_size=job_settings.of_dataset("image_size"),
        plugins=job_settings.classifier_plugins,
    message:
        "Checking the architecture and layers of {wildcards.classifier}"
    script:
        "../workflow_scripts/check_classifier.py"


# A checkpoint and not an input file of the training. An input file would cause a new training after
# each check. As `ancient` input it would hide all other reasons to train while checks run
# (Snakemake 9.27: exit code 0 with the old model).
checkpoint checks:
    input:
        job_files.checks,
    output:
        touch(paths.CHECKED),
    # Trainings wait for the checks, and the longest work should start first.
    priority: 100
    message:
        "Classifiers and imported maps of {wildcards.dataset} are checked"


rule train:
    input:
        train=job_files.learned_from(["train"]),
        val=job_files.shards(paths.PREPARED, ["val"]),
        classes=classes_of,
        weights=job_files.start_weights,
        checked=all_checked,
    output:
        model=paths.MODEL,
        training=paths.TRAINING,
    log:
        log_of(paths.TRAIN),
    wildcard_constraints:
        classifier=any_of(study.trained),
    priority: 50
    threads: THREADS
    resources:
        **needs(7000, 480, per_attempt=6000, gpu=GPUS),
    params:
        settings=job_settings.training,
        seed=cfg.seed,
        compute=job_settings.compute("threads", "device", "dtype"),
        image_size=job_settings.of_dataset("image_size"),
        plugins=job_settings.classifier_plugins,
        digest=train_digest,
    message:
        "Training {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/train.py"


rule import_classifier:
    input:
        weights=lambda w: study.classifiers[w.classifier].weights,
        classes=classes_of,
        checked=all_checked,
    output:
        model=paths.MODEL,
        training=paths.TRAINING,
    wildcard_constraints:
        classifier=any_of(study.loaded),
    priority: 50
    resources:
        **needs(3000, 20),
    params:
        settings=job_settings.loaded,
        image_size=job_settings.of_dataset("image_size"),
        plugins=job_settings.classifier_plugins,
    message:
        "Loading {wildcards.classifier} for {wildcards.dataset}"
    script:
        "../workflow_scripts/import_classifier.py"


rule predict:
    input:
        prepared=job_files.shards(paths.PREPARED, study.predicted_splits),
        model=paths.MODEL,
        classes=classes_of,
    output:
        paths.PREDICTIONS,
    threads: THREADS
    resources:
        **needs(3000, 120, per_attempt=2000, gpu=GPUS),
    params:
        compute=job_settings.compute("threads", "batch", "device", "dtype"),
        plugins=job_settings.classifier_plugins,
    message:
        "Applying {wildcards.classifier} to {wildcards.dataset}"
    script:
        "../workflow_scripts/predict.py"


# A separate file, so that the evaluation does not need the weights.
rule name_outputs:
    input:
        model=paths.MODEL,
    output:
        paths.OUTPUTS,
    wildcard_constraints:
        classifier=any_of(study.ordered),
    resources:
        **needs(1000, 20),
    message:
        "Reading the class names of the outputs of {wildcards.classifier} ({wildcards.dataset})"
    script:
        "../workflow_scripts/name_outputs.py"


rule evaluate:
    input:
        predictions=expand(
            paths.PREDICTIONS, classifier=study.classifiers, allow_missing=True
        ),
        classes=paths.CLASSES,
        outputs=expand(paths.OUTPUTS, classifier=study.ordered, allow_missing=True),
    output:
        classification=paths.table("classification"),
        confusion=paths.table("confusion"),
        calibration=paths.table("calibration"),
        order=paths.table("class_order"),
    resources:
        **needs(1000, 20),
    params:
        classifiers=list(study.classifiers),
        ordered=study.ordered,
        dataset=lambda w: w.dataset,
        statistics=job_settings.intervals,
    message:
        "Evaluating the classifiers on {wildcards.dataset}"
    script:
        "../workflow_scripts/evaluate.py"
