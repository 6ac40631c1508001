# A notebook on a finished run: executed like any other step, opened with --edit-notebook.


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
        digest=digests.module_digest(
            "cohort",
            "frames",
            "masks",
            "figures.gallery",
            "figures.distributions",
            "figures.lesion_size",
        ),
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
