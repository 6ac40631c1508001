# Several readers of the same images: how far they agree, and how explainers compare with them.


rule reader_pairs:
    input:
        prepared=paths.EXPLAINED,
        classes=classes_of,
    output:
        pairs=paths.READER_PAIRS,
        readers=paths.READERS_WITHOUT,
    wildcard_constraints:
        dataset=any_of(study.with_readers),
    resources:
        **needs(1500, 60),
    params:
        settings=job_settings.beside_readers,
        digest=code_of("reader_pairs.py", names=(cfg.statistics.primary,)),
    message:
        "Comparing the readers of {wildcards.dataset} with one another"
    script:
        "../workflow_scripts/reader_pairs.py"


rule reader_scores:
    input:
        masks=lambda w: job_files.scored_by_primary(w, paths.MASKS, ""),
        status=lambda w: job_files.scored_by_primary(w, paths.MASKS_STATUS, ""),
        maps=lambda w: job_files.scored_by_primary(w, "", paths.MAPS),
        prepared=paths.EXPLAINED,
        predictions=job_files.predictions,
        classes=classes_of,
    output:
        paths.READER_SCORES,
    wildcard_constraints:
        dataset=any_of(study.with_readers),
    resources:
        **needs(1500, 120),
    params:
        settings=job_settings.beside_readers,
        digest=code_of("reader_scores.py", names=(cfg.statistics.primary,)),
    message:
        "Scoring {wildcards.explainer} ({wildcards.classifier}, {wildcards.dataset}) against the readers, each left out in turn"
    script:
        "../workflow_scripts/reader_scores.py"
