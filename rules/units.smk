# Units of a study: the per-case results of one training, small enough to commit.
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
            if not path.endswith("checked") and "gallery-" not in path
        ],
