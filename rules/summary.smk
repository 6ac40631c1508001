# From scores to tables, statistics, figures and the summary over data sets.


rule summarize:
    input:
        scores=all_scores,
    output:
        localization="results/{dataset}/tables/localization.csv",
    log:
        "results/logs/{dataset}/summarize.log",
    benchmark:
        "results/benchmarks/{dataset}/summarize.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=30,
    params:
        combos=lambda w: combinations(w.dataset),
        statistics=statistics_settings(),
        metrics=cfg["scores"]["metrics"],
        seed=cfg["seed"],
        digest=digests.module_digest("summary"),
    message:
        "Summarizing the scores of {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize.py"


rule compare:
    input:
        scores=all_scores,
    output:
        comparisons="results/{dataset}/tables/comparisons.csv",
    log:
        "results/logs/{dataset}/compare.log",
    benchmark:
        "results/benchmarks/{dataset}/compare.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=60,
    params:
        combos=lambda w: combinations(w.dataset),
        statistics=statistics_settings(),
        metrics=cfg["scores"]["metrics"],
        seed=cfg["seed"],
        digest=digests.module_digest("summary", "statistics"),
    message:
        "Comparing the explainers on {wildcards.dataset}"
    script:
        "../workflow_scripts/compare.py"


rule format_tables:
    input:
        localization=rules.summarize.output.localization,
        classification=branch(
            bool(CLASSIFIERS),
            then="results/{dataset}/tables/classification.csv",
            otherwise=[],
        ),
    output:
        markdown="results/{dataset}/tables/tables.md",
        latex="results/{dataset}/tables/tables.tex",
        html=report(
            "results/{dataset}/tables/tables.html",
            caption="captions/tables.rst",
            category="{dataset}",
            subcategory="Tables",
            labels={"content": "Localization and classification"},
        ),
    log:
        "results/logs/{dataset}/format_tables.log",
    benchmark:
        "results/benchmarks/{dataset}/format_tables.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=20,
    params:
        statistics=statistics_settings(),
        scoring_size=lambda w: DATASETS[w.dataset]["scoring_size"],
        empty=cfg["scores"]["empty"],
        digest=digests.module_digest("tables"),
    message:
        "Formatting the tables of {wildcards.dataset}"
    script:
        "../workflow_scripts/format_tables.py"


rule figure_gallery:
    input:
        maps=lambda w: [path for entry in gallery_files(w) for path in entry["maps"]],
        masks=lambda w: [entry["masks"] for entry in gallery_files(w)],
        scores=scores_per_explainer,
        prepared=prepared_explained,
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
        runtime=30,
    params:
        explainers=gallery_files,
        settings=lambda w: {
            **cfg["figures"],
            "sign": cfg["postprocess"]["sign"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
        },
        digest=digests.module_digest("figures.gallery"),
    message:
        "Drawing overlays of {wildcards.dataset}, {wildcards.classifier}, {wildcards.binarization}"
    script:
        "../workflow_scripts/figure_gallery.py"


rule figure_curves:
    input:
        curves=per_explainer(
            "results/{dataset}/{classifier}/{explainer}/curves.parquet"
        ),
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
        runtime=30,
    params:
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        settings={
            **cfg["statistics"],
            "seed": cfg["seed"],
            "dpi": cfg["figures"]["dpi"],
        },
        digest=digests.module_digest("figures.curves"),
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
        runtime=30,
    params:
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        metric=cfg["statistics"]["primary"],
        settings={"dpi": cfg["figures"]["dpi"]},
        digest=digests.module_digest("figures.distributions"),
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
        runtime=30,
    params:
        settings={"dpi": cfg["figures"]["dpi"]},
        digest=digests.module_digest("figures.training"),
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
        runtime=30,
    params:
        classifier=lambda w: w.classifier,
        settings={"dpi": cfg["figures"]["dpi"]},
        digest=digests.module_digest("figures.confusion"),
    message:
        "Drawing confusion matrix and calibration of {wildcards.classifier} on {wildcards.dataset}"
    script:
        "../workflow_scripts/figure_confusion.py"


rule summary_over_datasets:
    input:
        localization=expand(
            "results/{dataset}/tables/localization.csv", dataset=DATASETS
        ),
        classification=branch(
            bool(CLASSIFIERS),
            then=expand(
                "results/{dataset}/tables/classification.csv", dataset=DATASETS
            ),
            otherwise=[],
        ),
    output:
        localization="results/summary/tables/localization.csv",
        classification="results/summary/tables/classification.csv",
        png=report(
            "results/summary/figures/localization.png",
            caption="captions/summary.rst",
            category="Summary",
            labels={"content": "All data sets"},
        ),
        pdf="results/summary/figures/localization.pdf",
    log:
        "results/logs/summary_over_datasets.log",
    benchmark:
        "results/benchmarks/summary_over_datasets.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        metric=cfg["statistics"]["primary"],
        dpi=cfg["figures"]["dpi"],
        digest=digests.module_digest("figures.overview"),
    message:
        "Joining the tables of all data sets"
    script:
        "../workflow_scripts/summary_over_datasets.py"


rule tables:
    input:
        expand(
            "results/{dataset}/tables/{table}",
            dataset=DATASETS,
            table=[
                "localization.csv",
                "comparisons.csv",
                "tables.md",
                "tables.tex",
                "tables.html",
            ],
        ),
        expand(
            "results/{dataset}/tables/classification.csv",
            dataset=DATASETS if CLASSIFIERS else [],
        ),


rule figures:
    input:
        expand(
            "results/{dataset}/figures/{classifier}/{figure}-{binarization}.{format}",
            dataset=DATASETS,
            classifier=list(CLASSIFIERS) or ["none"],
            figure=["gallery", "distributions"],
            binarization=BINARIZATIONS,
            format=["png", "pdf"],
        ),
        expand(
            "results/{dataset}/figures/{classifier}/{figure}.{format}",
            dataset=DATASETS,
            classifier=list(CLASSIFIERS) or ["none"],
            figure=["curves"],
            format=["png", "pdf"],
        ),
        expand(
            "results/{dataset}/figures/{classifier}/confusion.{format}",
            dataset=DATASETS,
            classifier=CLASSIFIERS,
            format=["png", "pdf"],
        ),
        expand(
            "results/{dataset}/figures/{classifier}/training.{format}",
            dataset=DATASETS,
            classifier=TRAINED,
            format=["png", "pdf"],
        ),
