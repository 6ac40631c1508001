# Figures as PNG and PDF: one rule for each entry of `fidelity/figures/registry.py`.

# Files that a figure can read besides the tables of its data set.
FILES = {
    "agreement": paths.table("agreement-{classifier}"),
    "curves": job_files.with_unclassified(paths.THRESHOLD_CURVES),
    "maps": job_files.gallery(paths.MAPS),
    "masks": job_files.gallery(paths.MASKS),
    "prepared": paths.EXPLAINED,
    "scores": job_files.of_explainers(paths.SCORES),
    "shown_scores": job_files.gallery(paths.SCORES),
    "thresholds": lambda w: list(job_files.tuned_thresholds(w).values()),
    "training": paths.TRAINING,
}
# Settings that a figure can request besides `dpi` and `classifier`.
SETTINGS = {
    "alpha": cfg.statistics.alpha,
    "binarization": study.primary_binarization,
    "diagnostic": study.diagnostic,
    "explainers": job_settings.explainers_of,
    "gallery": page_settings.gallery,
    "intervals": job_settings.intervals,
    "metric": cfg.statistics.primary,
    "rule": lambda w: w.binarization,
    "metrics": list(
        dict.fromkeys([cfg.statistics.primary, "roc_auc", "pointing_game"])
    ),
    "tuned": lambda w: list(job_files.tuned_thresholds(w)),
}


for name, figure in FIGURES.items():
    job = f"{{dataset}}/{{classifier}}/figure_{name}{figure.suffix}"

    rule:
        name:
            f"figure_{name}"
        input:
            **{file: FILES.get(file, paths.table(file)) for file in figure.reads},
        output:
            png=in_report(name, figure),
            pdf=paths.figure(f"{name}{figure.suffix}", "pdf"),
        log:
            log_of(job),
        localrule: True
        resources:
            **needs(1500, 30),
        params:
            module=figure.module,
            display=shown_as,
            settings=drawing(figure.settings),
            digest=code_of("figure.py", f"figures.{figure.module}", names=study.metrics),
        message:
            f"Drawing {name} of {{wildcards.dataset}}, {{wildcards.classifier}}"
        script:
            "../workflow_scripts/figure.py"
