# Figures: one rule each, PNG and PDF.


rule figure_gallery:
    input:
        maps=job_files.gallery_part("maps"),
        masks=job_files.gallery_part("masks"),
        scores=job_files.gallery_part("scores"),
        prepared=paths.EXPLAINED,
    output:
        png=report(
            paths.figure("gallery-{binarization}"),
            caption="captions/gallery.rst",
            category="{dataset}",
            subcategory="Overlays",
            labels={"classifier": "{classifier}", "binarization": "{binarization}"},
        ),
        pdf=paths.figure("gallery-{binarization}", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_gallery-{binarization}"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_gallery-{binarization}")
    resources:
        **needs(1500, 20),
    params:
        explainers=job_files.gallery,
        settings=job_settings.gallery,
        digest=digests.module_digest(
            "figures.gallery",
            "datasets.prepared",
            "datasets.prepared_list",
            "maps.saliency_map",
            "masks.run_lengths",
        ),
    message:
        "Drawing overlays of {wildcards.dataset}, {wildcards.classifier}, {wildcards.binarization}"
    script:
        "../workflow_scripts/figure_gallery.py"


rule figure_curves:
    input:
        curves=job_files.with_unclassified(paths.THRESHOLD_CURVES),
        thresholds=lambda w: list(job_files.tuned_thresholds(w).values()),
    output:
        png=report(
            paths.figure("curves"),
            caption="captions/curves.rst",
            category="{dataset}",
            subcategory="Threshold curves",
            labels={"classifier": "{classifier}", "binarization": "every threshold"},
        ),
        pdf=paths.figure("curves", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_curves"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_curves")
    resources:
        **needs(1500, 20),
    params:
        explainers=job_settings.explainers_of,
        settings=job_settings.drawing,
        thresholds=job_files.tuned_thresholds,
        digest=digests.module_digest("figures.threshold_curves", "tables.layout"),
    message:
        "Drawing the threshold curves of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_curves.py"


rule figure_distributions:
    input:
        scores=job_files.of_explainers(paths.SCORES),
    output:
        png=report(
            paths.figure("distributions-{binarization}"),
            caption="captions/distributions.rst",
            category="{dataset}",
            subcategory="Distributions",
            labels={"classifier": "{classifier}", "binarization": "{binarization}"},
        ),
        pdf=paths.figure("distributions-{binarization}", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_distributions-{binarization}"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_distributions-{binarization}")
    resources:
        **needs(1500, 20),
    params:
        explainers=job_settings.explainers_of,
        metric=cfg["statistics"]["primary"],
        settings=job_settings.drawing,
        digest=digests.module_digest("figures.distributions", "figures.scores"),
    message:
        "Drawing the distributions of {wildcards.dataset}, {wildcards.classifier}, {wildcards.binarization}"
    script:
        "../workflow_scripts/figure_distributions.py"


rule figure_training:
    input:
        training=paths.TRAINING,
    output:
        png=report(
            paths.figure("training"),
            caption="captions/training.rst",
            category="{dataset}",
            subcategory="Classifier",
            labels={"classifier": "{classifier}", "content": "Training curves"},
        ),
        pdf=paths.figure("training", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_training"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_training")
    resources:
        **needs(1000, 20),
    params:
        settings={"dpi": cfg["figures"]["dpi"]},
        digest=digests.module_digest("figures.training"),
    message:
        "Drawing the training curves of {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/figure_training.py"


rule figure_confusion:
    input:
        confusion=paths.table("confusion"),
        calibration=paths.table("calibration"),
    output:
        png=report(
            paths.figure("confusion"),
            caption="captions/confusion.rst",
            category="{dataset}",
            subcategory="Classifier",
            labels={
                "classifier": "{classifier}",
                "content": "Confusion and calibration",
            },
        ),
        pdf=paths.figure("confusion", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_confusion"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_confusion")
    resources:
        **needs(1000, 20),
    params:
        classifier=lambda w: w.classifier,
        settings={"dpi": cfg["figures"]["dpi"]},
        digest=digests.module_digest("figures.confusion", "tables.layout"),
    message:
        "Drawing confusion matrix and calibration of {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/figure_confusion.py"


rule figure_ranks:
    input:
        ranks=rules.ranks.output.ranks,
    output:
        png=report(
            paths.figure("ranks"),
            caption="captions/ranks.rst",
            category="{dataset}",
            subcategory="Ranks",
            labels={"classifier": "{classifier}", "content": "Critical differences"},
        ),
        pdf=paths.figure("ranks", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_ranks"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_ranks")
    resources:
        **needs(1000, 20),
    params:
        binarization=study.primary_binarization,
        metric=cfg["statistics"]["primary"],
        settings=job_settings.drawing,
        digest=digests.module_digest("figures.critical_difference", "tables.layout"),
    message:
        "Drawing the critical differences of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_ranks.py"


rule figure_sensitivity:
    input:
        localization=rules.summarize.output.localization,
    output:
        png=report(
            paths.figure("sensitivity"),
            caption="captions/sensitivity.rst",
            category="{dataset}",
            subcategory="Ranks",
            labels={
                "classifier": "{classifier}",
                "content": "Sensitivity to protocol and binarization",
            },
        ),
        pdf=paths.figure("sensitivity", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_sensitivity"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_sensitivity")
    resources:
        **needs(1000, 20),
    params:
        statistics=part(cfg["statistics"], "primary", "primary_binarization"),
        diagnostic=study.diagnostic,
        settings=job_settings.drawing,
        digest=digests.module_digest("figures.rank_by_protocol", "tables.layout"),
    message:
        "Drawing the sensitivity of the ranking of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_sensitivity.py"


rule figure_layers:
    input:
        layers=rules.layers.output.layers,
    output:
        png=report(
            paths.figure("layers"),
            caption="captions/layers.rst",
            category="{dataset}",
            subcategory="Ranks",
            labels={
                "classifier": "{classifier}",
                "content": "Score against the CAM's layer",
            },
        ),
        pdf=paths.figure("layers", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_layers"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_layers")
    resources:
        **needs(1000, 20),
    params:
        metrics=list(
            dict.fromkeys([cfg["statistics"]["primary"], "roc_auc", "pointing_game"])
        ),
        binarization=study.primary_binarization,
        settings=job_settings.drawing,
        digest=digests.module_digest("figures.layer_depth", "tables.layout"),
    message:
        "Drawing score against layer of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_layers.py"


rule figure_sanity:
    input:
        sanity=paths.table("sanity"),
    output:
        png=report(
            paths.figure("sanity"),
            caption="captions/sanity.rst",
            category="{dataset}",
            subcategory="Sanity",
            labels={
                "classifier": "{classifier}",
                "content": "Similarity against random weights and another class",
            },
        ),
        pdf=paths.figure("sanity", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_sanity"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_sanity")
    resources:
        **needs(1000, 30),
    params:
        settings=job_settings.drawing,
        digest=digests.module_digest("figures.sanity", "tables.layout"),
    message:
        "Drawing the sanity checks of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_sanity.py"


rule figure_faithfulness:
    input:
        faithfulness=paths.table("faithfulness"),
        localization=paths.table("localization"),
    output:
        png=report(
            paths.figure("faithfulness"),
            caption="captions/faithfulness.rst",
            category="{dataset}",
            subcategory="Faithfulness",
            labels={
                "classifier": "{classifier}",
                "content": "Faithfulness against localization",
            },
        ),
        pdf=paths.figure("faithfulness", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_faithfulness"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_faithfulness")
    resources:
        **needs(1000, 20),
    params:
        binarization=study.primary_binarization,
        settings=job_settings.drawing,
        digest=digests.module_digest(
            "figures.faithfulness", "faithfulness.registry", "tables.layout"
        ),
    message:
        "Drawing faithfulness against localization of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_faithfulness.py"


rule figure_lesion_size:
    input:
        scores=job_files.of_explainers(paths.SCORES),
    output:
        png=report(
            paths.figure("lesion_size"),
            caption="captions/lesion_size.rst",
            category="{dataset}",
            subcategory="Distributions",
            labels={
                "classifier": "{classifier}",
                "content": "Score against lesion size",
            },
        ),
        pdf=paths.figure("lesion_size", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_lesion_size"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_lesion_size")
    resources:
        **needs(1000, 20),
    params:
        explainers=job_settings.explainers_of,
        metric=cfg["statistics"]["primary"],
        settings={**job_settings.intervals, **job_settings.drawing},
        digest=digests.module_digest("figures.lesion_size", "figures.scores"),
    message:
        "Drawing score against lesion size of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_lesion_size.py"


rule figure_agreement:
    input:
        agreement=paths.table("agreement-{classifier}"),
    output:
        png=report(
            paths.figure("agreement"),
            caption="captions/agreement.rst",
            category="{dataset}",
            subcategory="Ranks",
            labels={
                "classifier": "{classifier}",
                "content": "Agreement between explainers",
            },
        ),
        pdf=paths.figure("agreement", "pdf"),
    log:
        log_of("{dataset}/{classifier}/figure_agreement"),
    benchmark:
        benchmark_of("{dataset}/{classifier}/figure_agreement")
    resources:
        **needs(1000, 20),
    params:
        explainers=job_settings.explainers_of,
        settings=job_settings.drawing,
        digest=digests.module_digest("figures.mask_agreement", "tables.layout"),
    message:
        "Drawing the agreement between explainers of {wildcards.dataset}, {wildcards.classifier}"
    script:
        "../workflow_scripts/figure_agreement.py"
