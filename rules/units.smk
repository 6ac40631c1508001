# Units of a study: the per-case results of one training, small enough to commit.


rule unit:
    input:
        lambda w: [f"{paths.RESULTS}/{path}" for path in unit_files.results(w)],
        cases=paths.CASES,
    output:
        directory(paths.UNIT),
    log:
        log_of("{dataset}/units/{unit}"),
    wildcard_constraints:
        unit=any_of(study.units),
    resources:
        **needs(1500, 30),
    params:
        paths=unit_files.results,
        own=lambda w: config_entries.own_entries(cfg, w.unit),
        shared=lambda w: config_entries.shared_entries(cfg, w.dataset),
        shown=lambda w: config_entries.shown_entries(cfg, w.dataset, w.unit),
        code=code_of_unit,
        plugins=config_entries.packed_plugins(cfg),
        # Param functions that take `input` trigger no rerun; a new classifier in the config changes
        # these params.
        place=lambda w, input: config_entries.place_of(cfg, w.dataset, w.unit),
        patterns=lambda w, input: benchmark_patterns(
            w.dataset,
            lambda rule: rule not in (*workflow_rules.RULES, *workflow_rules.BESIDE),
        ),
        wanted=lambda w, input: job_settings.own_wildcards(w),
    message:
        "Packing the unit {wildcards.unit} of {wildcards.dataset}"
    script:
        "../workflow_scripts/unit.py"


# `snakemake units`: all units of the config.
rule units:
    input:
        expand(rules.unit.output, dataset=study.datasets, unit=study.units),


# Everything that can be computed from units alone; see workflow_scripts/reanalyse.py.
rule reanalysis:
    input:
        targets.from_units(study),
