# From saliency maps to predicted masks and scores. Cheap: one job reads all shards.


rule sweep:
    input:
        maps=maps_of,
        prepared=prepared_explained,
    output:
        f"{MAPS}/curves.parquet",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/sweep.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/sweep.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=60,
    params:
        settings=lambda w: {
            "thresholds": cfg["scores"]["thresholds"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
            "sign": cfg["postprocess"]["sign"],
            "lung": cfg["postprocess"]["lung"],
            "empty": cfg["scores"]["empty"],
        },
        digest=digests.module_digest("metrics.curves", "frames", "cohort"),
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) at every threshold"
    script:
        "../workflow_scripts/sweep.py"


rule binarize:
    input:
        maps=maps_of,
        prepared=prepared_explained,
    output:
        masks=f"{MAPS}/{{binarization}}/masks.json",
        status=f"{MAPS}/{{binarization}}/masks_status.csv",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/{binarization}/binarize.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/{binarization}/binarize.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=60,
    params:
        rule=lambda w: BINARIZATIONS[w.binarization],
        postprocess=cfg["postprocess"],
        scoring_size=lambda w: DATASETS[w.dataset]["scoring_size"],
        digest=lambda w: digests.module_digest(
            f"binarizations.{BINARIZATIONS[w.binarization]['method']}",
            "binarizations",
            "postprocess",
            "frames",
            "cohort",
        ),
    message:
        "Binarizing {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) by {wildcards.binarization}"
    script:
        "../workflow_scripts/binarize.py"


rule score:
    input:
        masks=rules.binarize.output.masks,
        status=rules.binarize.output.status,
        prepared=prepared_explained,
        predictions=predictions_of,
        classes=classes_of,
    output:
        f"{MAPS}/{{binarization}}/{{protocol}}/scores.parquet",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/{binarization}/{protocol}/score.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/{binarization}/{protocol}/score.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=120,
    params:
        settings=lambda w: {
            "metrics": cfg["scores"]["metrics"],
            "empty": cfg["scores"]["empty"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
            "protocol": w.protocol,
        },
        digest=digests.module_digest("scoring"),
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}, {wildcards.binarization}, {wildcards.protocol})"
    script:
        "../workflow_scripts/score.py"


rule export_masks_png:
    input:
        masks=rules.binarize.output.masks,
        cases="results/{dataset}/cases.csv",
    output:
        directory(f"{MAPS}/{{binarization}}/png"),
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/{binarization}/export_masks_png.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/{binarization}/export_masks_png.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=60,
    message:
        "Writing the masks of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}, {wildcards.binarization}) as PNG"
    script:
        "../workflow_scripts/masks_png.py"


rule masks_png:
    input:
        [
            f"results/{dataset}/{classifier}/{explainer}/{binarization}/png"
            for dataset in DATASETS
            for classifier, explainer in COMBINATIONS
            for binarization in BINARIZATIONS
        ],
