# Figures: one rule each, PNG and PDF.


rule figure_gallery:
    input:
        maps=lambda w: [path for entry in gallery_files(w) for path in entry["maps"]],
        masks=lambda w: [entry["masks"] for entry in gallery_files(w)],
        scores=lambda w: [entry["scores"] for entry in gallery_files(w)],
        prepared=rules.list_prepared.output[0],
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/gallery-{binarization}.png",
            caption="captions/gallery.rst",
            category="{dataset}",
            subcategory="Overlays",
            labels={"classifier": "{classifier}", "binarization": "{binarization}"},
        ),
        pdf="results/{dataset}/figures/{classifier}/gallery-{binarization}.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_gallery-{binarization}.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_gallery-{binarization}.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        explainers=gallery_files,
        settings=lambda w: {
            **cfg["figures"],
            "sign": cfg["postprocess"]["sign"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
        },
        digest=code_of("figure_gallery.py"),
    message:
        "Drawing overlays of {wildcards.dataset}, {wildcards.classifier}, {wildcards.binarization}"
    script:
        "../workflow_scripts/figure_gallery.py"


rule figure_curves:
    input:
        curves=per_unit("threshold_curves.parquet"),
        thresholds=lambda w: list(tuned_thresholds(w).values()),
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/curves.png",
            caption="captions/curves.rst",
            category="{dataset}",
            subcategory="Threshold curves",
            labels={"classifier": "{classifier}", "binarization": "every threshold"},
        ),
        pdf="results/{dataset}/figures/{classifier}/curves.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_curves.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_curves.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        settings=DRAWING,
        thresholds=tuned_thresholds,
        digest=code_of("figure_curves.py"),
    message:
        "Drawing the threshold curves of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_curves.py"


rule figure_distributions:
    input:
        scores=scores_per_explainer,
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/distributions-{binarization}.png",
            caption="captions/distributions.rst",
            category="{dataset}",
            subcategory="Distributions",
            labels={"classifier": "{classifier}", "binarization": "{binarization}"},
        ),
        pdf="results/{dataset}/figures/{classifier}/distributions-{binarization}.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_distributions-{binarization}.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_distributions-{binarization}.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        metric=cfg["statistics"]["primary"],
        settings=DRAWING,
        digest=code_of("figure_distributions.py", names=METRICS),
    message:
        "Drawing the distributions of {wildcards.dataset}, {wildcards.classifier}, {wildcards.binarization}"
    script:
        "../workflow_scripts/figure_distributions.py"


rule figure_training:
    input:
        training="results/{dataset}/{classifier}/training.csv",
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/training.png",
            caption="captions/training.rst",
            category="{dataset}",
            subcategory="Classifier",
            labels={"classifier": "{classifier}", "content": "Training curves"},
        ),
        pdf="results/{dataset}/figures/{classifier}/training.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_training.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_training.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        settings={"dpi": cfg["figures"]["dpi"]},
        digest=code_of("figure_training.py"),
    message:
        "Drawing the training curves of {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/figure_training.py"


rule figure_confusion:
    input:
        confusion="results/{dataset}/tables/confusion.csv",
        calibration="results/{dataset}/tables/calibration.csv",
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/confusion.png",
            caption="captions/confusion.rst",
            category="{dataset}",
            subcategory="Classifier",
            labels={
                "classifier": "{classifier}",
                "content": "Confusion and calibration",
            },
        ),
        pdf="results/{dataset}/figures/{classifier}/confusion.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_confusion.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_confusion.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        classifier=lambda w: w.classifier,
        settings={"dpi": cfg["figures"]["dpi"]},
        digest=code_of("figure_confusion.py"),
    message:
        "Drawing confusion matrix and calibration of {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/figure_confusion.py"


rule figure_ranks:
    input:
        ranks=rules.ranks.output.ranks,
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/ranks.png",
            caption="captions/ranks.rst",
            category="{dataset}",
            subcategory="Ranks",
            labels={"classifier": "{classifier}", "content": "Critical differences"},
        ),
        pdf="results/{dataset}/figures/{classifier}/ranks.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_ranks.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_ranks.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        binarization=PRIMARY_BINARIZATION,
        metric=cfg["statistics"]["primary"],
        settings=DRAWING,
        digest=code_of("figure_ranks.py"),
    message:
        "Drawing the critical differences of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_ranks.py"


rule figure_sensitivity:
    input:
        localization=rules.summarize.output.localization,
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/sensitivity.png",
            caption="captions/sensitivity.rst",
            category="{dataset}",
            subcategory="Ranks",
            labels={
                "classifier": "{classifier}",
                "content": "Sensitivity to protocol and binarization",
            },
        ),
        pdf="results/{dataset}/figures/{classifier}/sensitivity.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_sensitivity.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_sensitivity.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        statistics={
            key: cfg["statistics"][key] for key in ("primary", "primary_binarization")
        },
        diagnostic=DIAGNOSTIC,
        settings=DRAWING,
        digest=code_of("figure_sensitivity.py", names=METRICS),
    message:
        "Drawing the sensitivity of the ranking of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_sensitivity.py"


rule figure_layers:
    input:
        layers=rules.layers.output.layers,
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/layers.png",
            caption="captions/layers.rst",
            category="{dataset}",
            subcategory="Ranks",
            labels={
                "classifier": "{classifier}",
                "content": "Score against the CAM's layer",
            },
        ),
        pdf="results/{dataset}/figures/{classifier}/layers.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_layers.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_layers.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        metrics=list(
            dict.fromkeys([cfg["statistics"]["primary"], "roc_auc", "pointing_game"])
        ),
        binarization=PRIMARY_BINARIZATION,
        settings=DRAWING,
        digest=code_of("figure_layers.py", names=METRICS),
    message:
        "Drawing score against layer of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_layers.py"


rule figure_sanity:
    input:
        sanity="results/{dataset}/tables/sanity.csv",
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/sanity.png",
            caption="captions/sanity.rst",
            category="{dataset}",
            subcategory="Sanity",
            labels={
                "classifier": "{classifier}",
                "content": "Similarity against random weights and another class",
            },
        ),
        pdf="results/{dataset}/figures/{classifier}/sanity.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_sanity.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_sanity.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    params:
        settings=DRAWING,
        digest=code_of("figure_sanity.py"),
    message:
        "Drawing the sanity checks of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_sanity.py"


rule figure_faithfulness:
    input:
        faithfulness="results/{dataset}/tables/faithfulness.csv",
        localization="results/{dataset}/tables/localization.csv",
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/faithfulness.png",
            caption="captions/faithfulness.rst",
            category="{dataset}",
            subcategory="Faithfulness",
            labels={
                "classifier": "{classifier}",
                "content": "Faithfulness against localization",
            },
        ),
        pdf="results/{dataset}/figures/{classifier}/faithfulness.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_faithfulness.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_faithfulness.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        binarization=PRIMARY_BINARIZATION,
        settings=DRAWING,
        digest=code_of("figure_faithfulness.py", names=METRICS),
    message:
        "Drawing faithfulness against localization of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_faithfulness.py"


rule figure_lesion_size:
    input:
        scores=primary_scores_of_classifier,
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/lesion_size.png",
            caption="captions/lesion_size.rst",
            category="{dataset}",
            subcategory="Distributions",
            labels={
                "classifier": "{classifier}",
                "content": "Score against lesion size",
            },
        ),
        pdf="results/{dataset}/figures/{classifier}/lesion_size.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_lesion_size.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_lesion_size.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        metric=cfg["statistics"]["primary"],
        settings={**INTERVALS, **DRAWING},
        digest=code_of("figure_lesion_size.py", names=METRICS),
    message:
        "Drawing score against lesion size of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_lesion_size.py"


rule figure_agreement:
    input:
        agreement="results/{dataset}/tables/agreement-{classifier}.csv",
    output:
        png=report(
            "results/{dataset}/figures/{classifier}/agreement.png",
            caption="captions/agreement.rst",
            category="{dataset}",
            subcategory="Ranks",
            labels={
                "classifier": "{classifier}",
                "content": "Agreement between explainers",
            },
        ),
        pdf="results/{dataset}/figures/{classifier}/agreement.pdf",
    log:
        "results/logs/{dataset}/{classifier}/figure_agreement.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/figure_agreement.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        settings=DRAWING,
        digest=code_of("figure_agreement.py"),
    message:
        "Drawing the agreement between explainers of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_agreement.py"
