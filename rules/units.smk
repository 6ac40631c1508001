# Units of a study: the per-case results of one training, small enough to commit.
rule unit:
    input:
        lambda w: [f"results/{path}" for path in results_of_unit(w)],
        cases="results/{dataset}/cases.csv",
    output:
        directory("results/{dataset}/units/{unit}"),
    log:
        "results/logs/{dataset}/units/{unit}.log",
    benchmark:
        "results/benchmarks/{dataset}/units/{unit}.tsv"
    wildcard_constraints:
        unit=any_of(UNITS),
    conda:
        ENV
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        paths=results_of_unit,
        own=lambda w: config_entries.own_entries(cfg, w.unit),
        shared=lambda w: config_entries.shared_entries(cfg, w.dataset),
        code=code_of_unit,
        plugins=config_entries.packed_plugins(cfg),
        # Params that look at `input` trigger no rerun: another classifier in the config changes these.
        place=lambda w, input: config_entries.place_of(cfg, w.dataset, w.unit),
        patterns=lambda w, input: benchmark_patterns(
            w.dataset,
            lambda rule: rule not in (*workflow_rules.RULES, *workflow_rules.BESIDE),
        ),
        wanted=lambda w, input: jobs_wanted(w.dataset),
        digest=code_of("unit.py"),
    message:
        "Packing the unit {wildcards.unit} of {wildcards.dataset}"
    script:
        "../workflow_scripts/unit.py"


# `snakemake units`: all units of the config.
rule units:
    input:
        expand(rules.unit.output, dataset=DATASETS, unit=UNITS),


# All that can be computed from units alone; see workflow_scripts/reanalyse.py.
rule reanalysis:
    input:
        [
            path
            for path in [*rules.tables.input, *rules.figures.input]
            if not path.endswith("checked")
            and "gallery-" not in path
            and (RESTORED is None or Path(path).parts[1] in RESTORED["datasets"])
        ],
