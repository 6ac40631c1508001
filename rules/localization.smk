# From saliency maps to predicted masks and scores. These jobs are cheap: each one reads all shards.


rule sweep:
    input:
        maps=job_files.shards(paths.MAPS),
        prepared=paths.EXPLAINED,
    output:
        paths.CURVES,
    resources:
        **needs(1500, 60),
    params:
        settings=job_settings.sweep,
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) at every threshold"
    script:
        "../workflow_scripts/sweep.py"


rule rank:
    input:
        maps=job_files.shards(paths.MAPS),
        prepared=paths.EXPLAINED,
        predictions=job_files.predictions,
        classes=classes_of,
    output:
        paths.RANKING,
    resources:
        **needs(1500, 60),
    params:
        settings=job_settings.rank,
        digest=code_of("rank.py", names=tuple(cfg.scores.ranking)),
    message:
        "Scoring the maps of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) without a threshold"
    script:
        "../workflow_scripts/rank.py"


rule box_scores:
    input:
        maps=job_files.shards(paths.MAPS),
        prepared=paths.EXPLAINED,
        predictions=job_files.predictions,
        classes=classes_of,
    output:
        paths.BOX_SCORES,
    wildcard_constraints:
        dataset=any_of(study.boxed),
    resources:
        **needs(1500, 60),
    params:
        settings=job_settings.box_scores,
    message:
        "Scoring the boxes of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset})"
    script:
        "../workflow_scripts/box_scores.py"


rule organ_shares:
    input:
        maps=job_files.shards(paths.MAPS),
        prepared=paths.EXPLAINED,
    output:
        paths.ORGAN_SHARES,
    wildcard_constraints:
        dataset=any_of(study.with_organs),
    resources:
        **needs(1500, 60),
    params:
        settings=job_settings.frame,
    message:
        "Measuring in which organs the maps of {wildcards.explainer} lie ({wildcards.classifier}, {wildcards.dataset})"
    script:
        "../workflow_scripts/organ_shares.py"


rule tune:
    input:
        maps=job_files.shards(paths.MAPS, ["val"]),
        prepared=job_files.referenced(["val"]),
    output:
        paths.THRESHOLDS,
    wildcard_constraints:
        binarization=any_of(study.tuned),
    resources:
        **needs(1500, 60),
    params:
        settings=job_settings.tune,
    message:
        "Tuning the threshold of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) on the validation split"
    script:
        "../workflow_scripts/tune.py"


rule binarize:
    input:
        maps=job_files.shards(paths.MAPS),
        prepared=paths.EXPLAINED,
        thresholds=job_files.thresholds,
        predictions=job_files.cutoff_predictions,
    output:
        masks=paths.MASKS,
        status=paths.MASKS_STATUS,
    resources:
        **needs(1500, 60),
    params:
        rule=job_settings.binarization,
        postprocess=job_settings.postprocess,
        scoring_size=job_settings.of_dataset("scoring_size"),
        seed=job_settings.binarize_seed,
        digest=binarize_digest,
    message:
        "Binarizing {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) by {wildcards.binarization}"
    script:
        "../workflow_scripts/binarize.py"


rule score:
    input:
        masks=paths.MASKS,
        status=paths.MASKS_STATUS,
        prepared=paths.EXPLAINED,
        predictions=job_files.predictions,
        classes=classes_of,
    output:
        expand(paths.SCORES, protocol=study.protocols, allow_missing=True),
    resources:
        **needs(1500, 120),
    params:
        settings=job_settings.score,
        protocols=study.protocols,
        digest=code_of("score.py", names=tuple(cfg.scores.metrics)),
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}, {wildcards.binarization})"
    script:
        "../workflow_scripts/score.py"


rule export_masks_png:
    input:
        masks=paths.MASKS,
        cases=paths.CASES,
    output:
        directory(paths.PNG),
    resources:
        **needs(1000, 60),
    message:
        "Writing the masks of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}, {wildcards.binarization}) as PNG"
    script:
        "../workflow_scripts/masks_png.py"


rule export_chexlocalize:
    input:
        masks=paths.MASKS,
        cases=paths.CASES,
    output:
        directory(paths.CHEXLOCALIZE),
    resources:
        **needs(1500, 60),
    params:
        splits=cfg.explain.splits,
    message:
        "Writing the masks of {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}, {wildcards.binarization}) for CheXlocalize"
    script:
        "../workflow_scripts/export_chexlocalize.py"


rule masks_png:
    input:
        [
            paths.PNG.format(dataset=d, classifier=c, explainer=e, binarization=b)
            for d in study.studies
            for c, e in study.combinations
            for b in study.binarizations
        ],
