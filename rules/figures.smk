# Figures, PNG and PDF: one rule for each line of `fidelity/figures/registry.py`.


def gallery_of(w):
    """What the gallery shows, and how."""
    return {
        "explainers": [e for _, e in gallery_explainers(w.classifier)],
        "cases": cfg["figures"]["gallery_cases"],
        "by": cfg["figures"]["gallery_by"],
        "sign": cfg["postprocess"]["sign"],
        "scoring_size": DATASETS[w.dataset]["scoring_size"],
    }


# What a figure may read beside tables of its data set.
FILES = {
    "agreement": "results/{dataset}/tables/agreement-{classifier}.csv",
    "curves": per_unit("threshold_curves.parquet"),
    "maps": lambda w: [
        f"results/{w.dataset}/{c}/{e}/maps/{shard}.h5"
        for c, e in gallery_explainers(w.classifier)
        for shard in explained_shards(w.dataset)
    ],
    "masks": lambda w: [
        f"results/{w.dataset}/{c}/{e}/{w.binarization}/masks.json"
        for c, e in gallery_explainers(w.classifier)
    ],
    "prepared": rules.list_prepared.output[0],
    "primary_scores": primary_scores_of_classifier,
    "scores": scores_per_explainer,
    "thresholds": lambda w: list(tuned_thresholds(w).values()),
    "training": "results/{dataset}/{classifier}/training.csv",
}
# What a figure may ask for beside `dpi` and `classifier`.
SETTINGS = {
    "binarization": PRIMARY_BINARIZATION,
    "diagnostic": DIAGNOSTIC,
    "explainers": lambda w: [e for _, e in explainers_of(w.classifier)],
    "families": FAMILIES,
    "gallery": gallery_of,
    "intervals": {**INTERVALS, "seed": cfg["seed"]},
    "metric": cfg["statistics"]["primary"],
    "metrics": list(
        dict.fromkeys([cfg["statistics"]["primary"], "roc_auc", "pointing_game"])
    ),
    "tuned": lambda w: list(tuned_thresholds(w)),
}
# Data sets and classifiers of the figures that not all studies and classifiers have.
SHOWN = {
    "training": (DATASETS, TRAINED),
    "confusion": (DATASETS, CLASSIFIERS),
    "layers": (STUDIES if SWEEPS else [], CLASSIFIERS),
    "sanity": (STUDIES if SANITY_PAIRS else [], CLASSIFIERS),
    "faithfulness": (STUDIES if FAITHFULNESS_PAIRS else [], CLASSIFIERS),
    "known_truth": (KNOWN_TRUTH["datasets"], CLASSIFIERS),
}


def drawing_settings(names):
    """A function for params: the settings of these names."""
    return lambda w: {
        "dpi": cfg["figures"]["dpi"],
        "classifier": w.classifier,
        **{n: SETTINGS[n](w) if callable(SETTINGS[n]) else SETTINGS[n] for n in names},
    }


def caption_of(name):
    """The caption of a figure in the report, if it has one."""
    caption = Path("captions") / f"{name}.rst"
    found = (Path(workflow.basedir) / "rules" / caption).exists()
    return str(caption) if found else None


for name, figure in FIGURES.items():
    stem = f"{{dataset}}/figures/{{classifier}}/{name}{figure.suffix}"
    job = f"{{dataset}}/{{classifier}}/figure_{name}{figure.suffix}"

    rule:
        name:
            f"figure_{name}"
        input:
            **{
                file: FILES.get(file, f"results/{{dataset}}/tables/{file}.csv")
                for file in figure.reads
            },
        output:
            png=report(
                f"results/{stem}.png",
                caption=caption_of(name),
                category="{dataset}",
                subcategory=figure.subcategory,
                labels={"classifier": "{classifier}", figure.labelled: figure.label},
            ),
            pdf=f"results/{stem}.pdf",
        log:
            f"results/logs/{job}.log",
        benchmark:
            f"results/benchmarks/{job}.tsv"
        localrule: True
        conda:
            ENV
        resources:
            mem_mb=memory(1500),
            runtime=minutes(30),
        params:
            module=figure.module,
            settings=drawing_settings(figure.settings),
            digest=digests.module_digest(f"figures.{figure.module}"),
        message:
            f"Drawing {name} of {{wildcards.dataset}}, {{wildcards.classifier}}"
        script:
            "../workflow_scripts/figure.py"


# Each figure of each data set and classifier that has it.
rule figures:
    input:
        [
            path
            for name, figure in FIGURES.items()
            for path in expand(
                f"results/{{dataset}}/figures/{{classifier}}/{name}{figure.suffix}.{{format}}",
                dataset=SHOWN.get(name, (STUDIES, None))[0],
                classifier=SHOWN.get(name, (None, list(CLASSIFIERS) or ["none"]))[1],
                binarization=BINARIZATIONS,
                format=["png", "pdf"],
            )
        ],
