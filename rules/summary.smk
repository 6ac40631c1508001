# Formatted tables, the summary over data sets, and the contents of the targets `tables` and
# `figures`.


rule format_tables:
    input:
        **RESULT_TABLES,
        strata=rules.strata.output.strata,
        mixed_model=rules.mixed_model.output.mixed_model,
        lung_quality=job_files.of_lung_model(paths.LUNG_QUALITY),
        checks=lambda w: [
            paths.fill(paths.table(name), w) for name in study.check_tables(w.dataset)
        ],
        boxes=job_files.of_some(paths.table("boxes"), study.boxed),
        box_comparisons=job_files.of_some(paths.table("box_comparisons"), study.boxed),
        organ_masks=job_files.of_some(
            paths.table("organ_masks"), study.with_organs if RESTORED is None else []
        ),
    output:
        markdown=paths.table("tables", "md"),
        latex=paths.table("tables", "tex"),
        latex_tables=directory(paths.LATEX),
        html=report(
            paths.table("tables", "html"),
            caption="captions/tables.rst",
            category=title_of_dataset,
            subcategory="Tables",
            labels={"content": "All tables"},
        ),
    resources:
        **needs(1000, 20),
    params:
        settings=page_settings.formatted_tables,
        display=shown_as,
        digest=code_of("format_tables.py", names=study.metrics),
        templates=templates_digest(),
    message:
        "Formatting the tables of {wildcards.dataset}"
    script:
        "../workflow_scripts/format_tables.py"


rule summary_over_datasets:
    input:
        localization=expand(paths.table("localization"), dataset=study.studies),
        classification=expand(
            job_files.if_classified(paths.table("classification")),
            dataset=study.datasets,
        ),
    output:
        localization=paths.summary_table("localization"),
        classification=paths.summary_table("classification"),
        inputs=paths.summary_table("inputs"),
        inputs_markdown=paths.summary_table("inputs", "md"),
        png=report(
            paths.summary_figure("png"),
            caption="captions/summary.rst",
            category="Summary",
            labels={"content": "All data sets"},
        ),
        pdf=paths.summary_figure("pdf"),
    resources:
        **needs(1000, 30),
    params:
        datasets={d: entry.model_dump() for d, entry in study.studies.items()},
        display=TITLES,
        metric=cfg.statistics.primary,
        binarization=study.primary_binarization,
        least_accuracy=cfg.statistics.least_accuracy,
        dpi=cfg.figures.dpi,
        digest=code_of("summary_over_datasets.py", names=study.metrics),
        templates=templates_digest(),
    message:
        "Joining the tables of all data sets"
    script:
        "../workflow_scripts/summary_over_datasets.py"


rule tables:
    input:
        targets.tables(study),


rule figures:
    input:
        targets.figures(study),
