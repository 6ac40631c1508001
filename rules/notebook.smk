# A notebook on a finished run: executed like any other step, opened with --edit-notebook.

# Before the shell command of the notebook, the only one of this workflow. Snakemake looks for
# papermill first, which is not needed: bash does not report that it is missing. Jupyter reads the
# config beside the notebook, which encrypts the connection to the kernel: it would warn otherwise.
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
        scores=primary_scores_of_classifier,
        maps=lambda w: notebook_files(w)["maps"],
        masks=lambda w: notebook_files(w)["masks"],
        prepared=prepared_explained,
    output:
        worst="results/{dataset}/notebooks/{classifier}/worst_cases.csv",
    log:
        notebook="results/{dataset}/notebooks/{classifier}/explore.ipynb",
    benchmark:
        "results/benchmarks/{dataset}/{classifier}/explore.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        classifier=lambda w: w.classifier,
        explainers=lambda w: [e for _, e in explainers_of(w.classifier)],
        explainer=lambda w: explainers_of(w.classifier)[0][1],
        binarization=PRIMARY_BINARIZATION,
        metric=cfg["statistics"]["primary"],
        scoring_size=lambda w: DATASETS[w.dataset]["scoring_size"],
        sign=cfg["postprocess"]["sign"],
        digest=code_of("../notebooks/explore.py.ipynb", names=METRICS),
    message:
        "Running the notebook on {wildcards.dataset}, {wildcards.classifier}"
    notebook:
        "../notebooks/explore.py.ipynb"


rule notebooks:
    input:
        expand(
            "results/{dataset}/notebooks/{classifier}/worst_cases.csv",
            dataset=STUDIES,
            classifier=list(CLASSIFIERS) or ["none"],
        ),
