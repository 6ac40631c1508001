# Units of a study: the per-case results of one training, small enough to commit.
from types import SimpleNamespace


def results_of_explainers(dataset, classifier):
    """Tables of a classifier's explainers (of those without one under `none`), below results/."""
    found = []
    for _, e in own_explainers(classifier):
        found.append(f"{classifier}/{e}/ranking.parquet")
        for b in BINARIZATIONS:
            folder = f"{classifier}/{e}/{b}"
            found += [f"{folder}/{p}/scores.parquet" for p in cfg["protocols"]]
            if settings.rule_for(cfg, b, e)["binarization"]["method"] == "tuned":
                found.append(f"{folder}/thresholds.csv")
    if found:
        found.append(f"{classifier}/agreement.parquet")
        found.append(f"{classifier}/threshold_curves.parquet")
    if classifier in REPORTING_CLASSIFIERS:
        found.append(f"{classifier}/stability.parquet")
    if names_by("sensitivity", FAITHFULNESS["metrics"]):
        found += [
            f"{classifier}/{e}/sensitivity.parquet"
            for _, e in own_explainers(classifier)
            if e not in GIVEN
        ]
    pairs = {
        "faithfulness/{}/{}.parquet": FAITHFULNESS_PAIRS,
        "{}/{}/sanity.parquet": SANITY_PAIRS,
        "known_truth/{}/{}.parquet": (
            COMBINATIONS if dataset in KNOWN_TRUTH["datasets"] else []
        ),
    }
    found += [
        pattern.format(c, e)
        for pattern, combinations in pairs.items()
        for c, e in combinations
        if c == classifier
    ]
    return [f"{dataset}/{name}" for name in found]


def results_of_unit(w):
    """All that a unit is packed from, below results/."""
    d = w.dataset
    if w.unit in REPEATED:
        return [
            f"{d}/repeatability/{base}/{e}.parquet"
            for base, e in REPEATED_PAIRS
            if base == w.unit
        ]
    found = results_of_explainers(d, w.unit)
    if w.unit != "none":
        names = ["predictions.csv", "training.csv", "architecture.json"]
        names += ["outputs.json"] if w.unit in ORDERED else []
        found += [f"{d}/{w.unit}/{name}" for name in names]
        if d in KNOWN_TRUTH["datasets"]:
            found.append(f"{d}/known_truth/{w.unit}/accuracy.csv")
        return found
    names = ["cases.csv", "classes.json", "quarantine.csv", "near_duplicates.csv"]
    names.append("case_counts.csv")
    names += ["tables/human_benchmark.csv"] if d in WITH_POINTS else []
    found += [f"{d}/{name}" for name in names]
    if d in LUNGS_FROM:
        found.append(f"{LUNGS_FROM[d]}/lung_model/quality.csv")
    return found


def shared_entries(dataset):
    """The config entries that all units of a data set depend on, wherever its files are."""
    without = {"classifiers", "only_classifiers", "data_root", "datasets", "figures"}
    entry = DATASETS[dataset]
    return {
        **{key: value for key, value in cfg.items() if key not in without},
        "dataset": {key: entry[key] for key in entry if key not in ORIGIN_KEYS},
        "plugin_files": {path: digests.file_digest(path) for path in cfg["plugins"]},
    }


def digest_of(rule, **names):
    """The digest of the code among a rule's params."""
    value = workflow.get_rule(rule).params.digest
    return value(SimpleNamespace(**names)) if callable(value) else value


def code_of_unit(w):
    """The digest of the code behind everything that the unit was computed by."""
    names = {"dataset": w.dataset, "classifier": w.unit}
    rules_once = ["index_cases", "prepare", "sweep", "rank", "score"]
    rules_once += ["agreement_cases", "threshold_curves", "stability_cases"]
    if w.unit in REPEATED:
        rules_once = ["index_cases", "prepare", "repeatability"]
    elif w.unit != "none":
        rules_once += ["train" if w.unit in TRAINED else "import_classifier", "predict"]
    if any(c == w.unit for c, _ in FAITHFULNESS_PAIRS):
        rules_once.append("faithfulness")
    found = {rule: digest_of(rule, **names) for rule in rules_once}
    for _, e in own_explainers(w.unit):
        names["explainer"] = e
        found[f"explain {e}"] = digest_of("explain", **names)
        if e in FITTED:
            found[f"fit {e}"] = digest_of("fit", **names)
        if (w.unit, e) in SANITY_PAIRS:
            found[f"sanity {e}"] = digest_of("sanity", **names)
        for b in BINARIZATIONS:
            found[f"binarize {e} by {b}"] = digest_of(
                "binarize", binarization=b, **names
            )
    return found


rule unit:
    input:
        lambda w: [f"results/{path}" for path in results_of_unit(w)],
    output:
        directory("results/{dataset}/units/{unit}"),
    log:
        "results/logs/{dataset}/units/{unit}.log",
    benchmark:
        "results/benchmarks/{dataset}/units/{unit}.tsv"
    wildcard_constraints:
        unit=any_of(["none", *CLASSIFIERS, *REPEATED]),
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        paths=results_of_unit,
        own=lambda w: {
            base: cfg["classifiers"][base]
            for base in {BASES.get(w.unit, w.unit)} - {"none"}
        },
        shared=lambda w: shared_entries(w.dataset),
        code=code_of_unit,
        digest=digests.module_digest("units.unit", "units.tables", "provenance.machine"),
    message:
        "Packing the unit {wildcards.unit} of {wildcards.dataset}"
    script:
        "../workflow_scripts/unit.py"


# `snakemake units`: all units of the config.
rule units:
    input:
        expand(
            rules.unit.output,
            dataset=STUDIES,
            unit=["none", *CLASSIFIERS, *REPEATED],
        ),


# All that can be computed from units alone; see workflow_scripts/reanalyse.py.
rule reanalysis:
    input:
        [
            path
            for path in [*rules.tables.input, *rules.figures.input, *summary_files()]
            if not path.endswith("/checked") and "/gallery-" not in path
        ],
