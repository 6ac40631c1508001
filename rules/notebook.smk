# A notebook on a finished run, executed like any other step and opened with --edit-notebook.

# Prefix of the notebook's shell command, the only shell command of this workflow. It hides bash's
# message that papermill is missing: Snakemake looks for papermill first but does not need it. It
# also selects the Jupyter config next to the notebook. That config encrypts the connection to the
# kernel, which avoids a warning.
shell.prefix(
    'command_not_found_handle() {{ [ "$1" = papermill ] || echo "bash: $1: command not found" >&2; return 127; }}; '
    "export JUPYTER_CONFIG_PATH="
    + shlex.quote(str(Path(workflow.basedir) / "notebooks"))
    .replace("{", "{{")
    .replace("}", "}}")
    + "; "
)


rule explore:
    input:
        localization=rules.summarize.output.localization,
        comparisons=rules.compare.output.comparisons,
        scores=job_files.of_explainers(paths.SCORES),
        maps=job_files.first_maps,
        masks=job_files.first_masks,
        prepared=job_files.referenced(),
    output:
        worst=paths.WORST_CASES,
    log:
        notebook=paths.NOTEBOOK,
    resources:
        **needs(2000, 30),
    params:
        classifier=lambda w: w.classifier,
        explainers=job_settings.explainers_of,
        display=shown_as,
        explainer=lambda w: study.explainers_of(w.classifier)[0][1],
        binarization=study.primary_binarization,
        metric=cfg.statistics.primary,
        alpha=cfg.statistics.alpha,
        scoring_size=job_settings.of_dataset("scoring_size"),
        sign=cfg.postprocess.sign,
        digest=code_of("../notebooks/explore.py.ipynb", names=study.metrics),
    message:
        "Running the notebook on {wildcards.dataset}, {wildcards.classifier}"
    notebook:
        "../notebooks/explore.py.ipynb"


rule notebooks:
    input:
        expand(paths.WORST_CASES, dataset=study.studies, classifier=study.shown),
