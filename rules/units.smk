# Units of a study: the per-case results of one training, small enough to commit.


def code_of_unit(w):
    """The digest of the code behind all that the unit's results come from, by name of the rule.

    Where it depends on explainer or binarization, the key names them too.
    """
    patterns = [
        (step, output.regex())
        for step in workflow.rules
        if hasattr(step.params, "digest")
        for output in step.output
    ]
    found = {}
    for path in [*unit_files.steps(w), *unit_files.results(w)]:
        step, names = next(
            (step, match.groupdict())
            for step, pattern in patterns
            if (match := pattern.match(f"{paths.RESULTS}/{path}"))
        )
        key, digest = step.name, step.params.digest
        if callable(digest):
            digest = digest(SimpleNamespace(**names))
            chosen = [names[k] for k in ("explainer", "binarization") if k in names]
            key = " ".join([key, *chosen])
        found[key] = digest
    return found


rule unit:
    input:
        lambda w: [f"{paths.RESULTS}/{path}" for path in unit_files.results(w)],
        cases=paths.CASES,
    output:
        directory(paths.UNIT),
    log:
        log_of("{dataset}/units/{unit}"),
    benchmark:
        benchmark_of("{dataset}/units/{unit}")
    wildcard_constraints:
        unit=any_of(study.units),
    resources:
        **needs(1500, 30),
    params:
        paths=unit_files.results,
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
        wanted=lambda w, input: job_settings.own_wildcards(w),
        digest=code_of("unit.py"),
    message:
        "Packing the unit {wildcards.unit} of {wildcards.dataset}"
    script:
        "../workflow_scripts/unit.py"


# `snakemake units`: all units of the config.
rule units:
    input:
        expand(rules.unit.output, dataset=study.datasets, unit=study.units),


# All that can be computed from units alone; see workflow_scripts/reanalyse.py.
rule reanalysis:
    input:
        targets.from_units(study),
