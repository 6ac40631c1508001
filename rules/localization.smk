# From saliency maps to predicted masks and scores. Cheap: one job reads all shards.


rule sweep:
    input:
        maps=maps_of,
        prepared=rules.list_prepared.output[0],
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
        runtime=minutes(60),
    params:
        settings=lambda w: {
            "thresholds": cfg["scores"]["thresholds"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
            "sign": cfg["postprocess"]["sign"],
            "lung": cfg["postprocess"]["lung"],
            "empty": cfg["scores"]["empty"],
        },
        digest=code_of("sweep.py"),
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) at every threshold"
    script:
        "../workflow_scripts/sweep.py"


rule rank:
    input:
        maps=maps_of,
        prepared=rules.list_prepared.output[0],
        predictions=predictions_of,
        classes=classes_of,
    output:
        f"{MAPS}/ranking.parquet",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/rank.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/rank.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        settings=lambda w: {
            "metrics": cfg["scores"]["ranking"],
            "pointing_tolerance": cfg["scores"]["pointing_tolerance"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
            "sign": cfg["postprocess"]["sign"],
        },
        digest=code_of("rank.py", names=tuple(cfg["scores"]["ranking"])),
    message:
        "Scoring the maps of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) without a threshold"
    script:
        "../workflow_scripts/rank.py"


rule tune:
    input:
        maps=val_shards("results/{dataset}/{classifier}/{explainer}/maps/{shard}.h5"),
        prepared=val_shards("results/{dataset}/prepared/{shard}.h5"),
    output:
        f"{MAPS}/{{binarization}}/thresholds.csv",
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/{binarization}/tune.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/{binarization}/tune.tsv"
    wildcard_constraints:
        binarization=any_of(TUNED),
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        settings=lambda w: {
            "rule": rule_of(w)["binarization"],
            "postprocess": rule_of(w)["postprocess"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
            "empty": cfg["scores"]["empty"],
            "partial": w.explainer in PARTIAL,
        },
        digest=code_of("tune.py"),
    message:
        "Tuning the threshold of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) on the validation split"
    script:
        "../workflow_scripts/tune.py"


rule binarize:
    input:
        maps=maps_of,
        prepared=rules.list_prepared.output[0],
        thresholds=thresholds_of,
        predictions=cutoff_predictions_of,
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
        runtime=minutes(60),
    params:
        rule=lambda w: rule_of(w)["binarization"],
        postprocess=lambda w: rule_of(w)["postprocess"],
        scoring_size=lambda w: DATASETS[w.dataset]["scoring_size"],
        seed=binarize_seed,
        digest=binarize_digest,
    message:
        "Binarizing {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) by {wildcards.binarization}"
    script:
        "../workflow_scripts/binarize.py"


rule score:
    input:
        masks=rules.binarize.output.masks,
        status=rules.binarize.output.status,
        prepared=rules.list_prepared.output[0],
        predictions=predictions_of,
        classes=classes_of,
    output:
        [
            f"{MAPS}/{{binarization}}/{protocol}/scores.parquet"
            for protocol in cfg["protocols"]
        ],
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/{binarization}/score.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/{binarization}/score.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(120),
    params:
        settings=lambda w: {
            "metrics": cfg["scores"]["metrics"],
            "empty": cfg["scores"]["empty"],
            "surface_tolerance": cfg["scores"]["surface_tolerance"],
            "pixel_spacing": DATASETS[w.dataset]["pixel_spacing"],
            "scoring_size": DATASETS[w.dataset]["scoring_size"],
        },
        protocols=cfg["protocols"],
        digest=code_of("score.py", names=tuple(cfg["scores"]["metrics"])),
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}, {wildcards.binarization})"
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
        runtime=minutes(60),
    params:
        digest=code_of("masks_png.py"),
    message:
        "Writing the masks of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}, {wildcards.binarization}) as PNG"
    script:
        "../workflow_scripts/masks_png.py"


rule export_chexlocalize:
    input:
        masks=rules.binarize.output.masks,
        cases="results/{dataset}/cases.csv",
    output:
        # A name that no protocol has: their scores lie beside it.
        directory(f"{MAPS}/{{binarization}}/export-chexlocalize"),
    log:
        "results/logs/{dataset}/{classifier}/{explainer}/{binarization}/export_chexlocalize.log",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/{explainer}/{binarization}/export_chexlocalize.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        splits=cfg["explain"]["splits"],
        digest=code_of("export_chexlocalize.py"),
    message:
        "Writing the masks of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}, {wildcards.binarization}) for CheXlocalize"
    script:
        "../workflow_scripts/export_chexlocalize.py"


rule masks_png:
    input:
        [
            f"results/{dataset}/{classifier}/{explainer}/{binarization}/png"
            for dataset in STUDIES
            for classifier, explainer in COMBINATIONS
            for binarization in BINARIZATIONS
        ],
