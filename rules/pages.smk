# Pages about a whole study that are opened in a browser.


CITATION = citation(Path(workflow.basedir) / "CITATION.cff")


rule explorer:
    input:
        prepared=paths.EXPLAINED,
        maps=job_files.of_combinations(paths.MAPS),
        masks=job_files.of_combinations(paths.MASKS),
        scores=job_files.of_combinations(paths.SCORES),
        ranking=job_files.of_combinations(paths.RANKING) if cfg.scores.ranking else [],
        told=job_files.of_some(paths.STRATA_CASES, study.stratified),
    output:
        directory(paths.EXPLORER),
    resources:
        **needs(1500, 45),
    params:
        settings=page_settings.explorer,
        display=shown_as,
        digest=code_of("explorer.py", names=study.metrics),
        files=folder_digest(EXPLORER_FILES),
        templates=templates_digest(),
    message:
        "Writing the explorer of {wildcards.dataset}"
    script:
        "../workflow_scripts/explorer.py"


rule study_page:
    input:
        **RESULT_TABLES,
        architectures=job_files.by_classifier(paths.ARCHITECTURE),
        verdict=paths.table("verdict", "json"),
        strata=job_files.of_some(paths.table("strata"), study.stratified),
        organs=job_files.of_some(paths.table("organs"), study.with_organs),
        prepared=lambda w: (
            paths.fill(paths.EXPLAINED, w) if job_files.shown_cases(w) else []
        ),
        of_cases=lambda w: [
            path
            for kinds in job_files.shown_cases(w).values()
            for files in kinds.values()
            for path in files
        ],
        thresholds=lambda w: [
            path
            for tuned in job_files.shown_thresholds(w).values()
            for path in tuned.values()
        ],
    output:
        paths.STUDY_PAGE,
    resources:
        **needs(2000, 30),
    params:
        tables=page_settings.formatted_tables,
        described=page_settings.methods,
        settings=page_settings.study_page,
        cases=job_files.shown_cases,
        thresholds=job_files.shown_thresholds,
        citation=CITATION,
        display=shown_as,
        digest=code_of("study_page.py", names=study.metrics),
        templates=templates_digest(),
    message:
        "Writing the study page of {wildcards.dataset}"
    script:
        "../workflow_scripts/study_page.py"


rule paper:
    input:
        **RESULT_TABLES,
        architectures=job_files.by_classifier(paths.ARCHITECTURE),
    output:
        directory(paths.PAPER),
    resources:
        **needs(1500, 30),
    params:
        tables=page_settings.formatted_tables,
        described=page_settings.methods,
        settings=page_settings.paper,
        citation=CITATION,
        display=shown_as,
        digest=code_of("paper.py", names=study.metrics),
        templates=templates_digest(),
    message:
        "Writing table, figure and methods of {wildcards.dataset} for a paper"
    script:
        "../workflow_scripts/paper.py"
