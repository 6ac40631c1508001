# Pages about a whole study that are opened in a browser.


rule explorer:
    input:
        prepared=paths.EXPLAINED,
        maps=job_files.of_combinations(paths.MAPS),
        masks=job_files.of_combinations(paths.MASKS),
        scores=job_files.of_combinations(paths.SCORES),
        ranking=job_files.of_combinations(paths.RANKING) if cfg.scores.ranking else [],
    output:
        directory(paths.EXPLORER),
    log:
        log_of("{dataset}/explorer"),
    benchmark:
        benchmark_of("{dataset}/explorer")
    resources:
        **needs(1500, 60),
    params:
        settings=job_settings.explorer,
        display=shown_as,
        digest=code_of("explorer.py", names=study.metrics),
        files=folder_digest(EXPLORER_FILES),
        templates=templates_digest(),
    message:
        "Writing the explorer of {wildcards.dataset}"
    script:
        "../workflow_scripts/explorer.py"
