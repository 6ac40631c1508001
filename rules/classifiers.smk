# Classifiers: checked, trained or loaded, applied, evaluated.


rule check_classifier:
    output:
        "results/{dataset}/{classifier}/architecture.json",
    log:
        "results/logs/{dataset}/{classifier}/check_classifier.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/check_classifier.tsv"
    priority: 100
    conda:
        ENV
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        settings=settings_to_check,
        data=data_to_check,
        layers=layers_asked_for,
        backward=BACKWARD,
        image_size=lambda w: DATASETS[w.dataset]["image_size"],
        plugins=plugins_of_classifier,
        digest=code_of("check_classifier.py"),
    message:
        "Checking the architecture and layers of {wildcards.classifier}"
    script:
        "../workflow_scripts/check_classifier.py"


# A checkpoint, not an input file: that would train anew at each check, and as `ancient` it hides, while
# checks run, every other reason to train (Snakemake 9.27: exit code 0 with the old model).
checkpoint checks:
    input:
        checks_of,
    output:
        touch("results/{dataset}/checked"),
    # Trainings wait for it, and the longest work should start first.
    priority: 100
    message:
        "Classifiers and imported maps of {wildcards.dataset} are checked"


rule train:
    input:
        train=prepared_of(["train"]),
        val=prepared_of(["val"]),
        classes=classes_of,
        weights=start_weights,
        checked=all_checked,
    output:
        model="results/{dataset}/{classifier}/model.safetensors",
        training="results/{dataset}/{classifier}/training.csv",
    log:
        "results/logs/{dataset}/{classifier}/train.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/train.tsv"
    wildcard_constraints:
        classifier=any_of(TRAINED),
    priority: 50
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(7000, 6000),
        runtime=minutes(480),
        gpu=GPUS,
    params:
        settings=lambda w: CLASSIFIERS[w.classifier],
        seed=cfg["seed"],
        compute={key: COMPUTE[key] for key in ("threads", "device", "dtype")},
        image_size=lambda w: DATASETS[w.dataset]["image_size"],
        plugins=plugins_of_classifier,
        digest=train_digest,
    message:
        "Training {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/train.py"


rule import_classifier:
    input:
        weights=lambda w: CLASSIFIERS[w.classifier]["weights"],
        classes=classes_of,
        checked=all_checked,
    output:
        model="results/{dataset}/{classifier}/model.safetensors",
        training="results/{dataset}/{classifier}/training.csv",
    log:
        "results/logs/{dataset}/{classifier}/import_classifier.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/import_classifier.tsv"
    wildcard_constraints:
        classifier=any_of(LOADED),
    priority: 50
    conda:
        ENV
    resources:
        mem_mb=memory(3000),
        runtime=minutes(20),
    params:
        settings=lambda w: classifier_settings(w.classifier, "seed", "training"),
        image_size=lambda w: DATASETS[w.dataset]["image_size"],
        plugins=plugins_of_classifier,
        digest=code_of("import_classifier.py"),
    message:
        "Loading {wildcards.classifier} for {wildcards.dataset}"
    script:
        "../workflow_scripts/import_classifier.py"


rule predict:
    input:
        prepared=prepared_of(
            [s for s in SPLITS if s in {"val", "test", *cfg["explain"]["splits"]}]
        ),
        model="results/{dataset}/{classifier}/model.safetensors",
        classes=classes_of,
    output:
        "results/{dataset}/{classifier}/predictions.csv",
    log:
        "results/logs/{dataset}/{classifier}/predict.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/predict.tsv"
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(3000, 2000),
        runtime=minutes(120),
        gpu=GPUS,
    params:
        compute={key: COMPUTE[key] for key in ("threads", "batch", "device", "dtype")},
        plugins=plugins_of_classifier,
        digest=code_of("predict.py"),
    message:
        "Applying {wildcards.classifier} to {wildcards.dataset}"
    script:
        "../workflow_scripts/predict.py"


# A file of its own, so that the evaluation needs no weights.
rule name_outputs:
    input:
        model="results/{dataset}/{classifier}/model.safetensors",
    output:
        "results/{dataset}/{classifier}/outputs.json",
    log:
        "results/logs/{dataset}/{classifier}/name_outputs.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/name_outputs.tsv"
    wildcard_constraints:
        classifier=any_of(ORDERED),
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        digest=code_of("name_outputs.py"),
    message:
        "Reading the class names of the outputs of {wildcards.classifier} ({wildcards.dataset})"
    script:
        "../workflow_scripts/name_outputs.py"


rule evaluate:
    input:
        predictions=expand(
            "results/{{dataset}}/{classifier}/predictions.csv", classifier=CLASSIFIERS
        ),
        classes="results/{dataset}/classes.json",
        outputs=expand(
            "results/{{dataset}}/{classifier}/outputs.json", classifier=ORDERED
        ),
    output:
        classification="results/{dataset}/tables/classification.csv",
        confusion="results/{dataset}/tables/confusion.csv",
        calibration="results/{dataset}/tables/calibration.csv",
        order="results/{dataset}/tables/class_order.csv",
    log:
        "results/logs/{dataset}/evaluate.log",
    benchmark:
        "results/benchmarks/{dataset}/evaluate.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        classifiers=list(CLASSIFIERS),
        ordered=ORDERED,
        dataset=lambda w: w.dataset,
        statistics=INTERVALS,
        seed=cfg["seed"],
        digest=code_of("evaluate.py"),
    message:
        "Evaluating the classifiers on {wildcards.dataset}"
    script:
        "../workflow_scripts/evaluate.py"
