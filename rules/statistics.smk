# From scores to statistics: means with intervals, paired tests, ranks, models, the verdict.


# One entry per table or pair of tables; the rule and its script have the name of the entry.
STEPS = {
    "summarize": step(
        needs(1500, 30),
        "Summarizing the scores",
        {"scores": job_files.scores, "cases": paths.CASES},
        {"localization": paths.table("localization")},
        combos=blocks,
        statistics=job_settings.intervals,
        metrics=job_settings.metric_names,
        cohort=job_settings.cohort,
    ),
    "compare": step(
        needs(2000, 60),
        "Comparing the explainers",
        {"scores": job_files.scores},
        {"comparisons": paths.table("comparisons")},
        combos=blocks,
        statistics=job_settings.statistics,
        metrics=job_settings.metric_names,
        diagnostic=study.diagnostic,
        partial=study.partial,
    ),
    "boxes": step(
        needs(2000, 60),
        "Scoring boxes over sets of images",
        {"scores": job_files.by_pair(paths.BOX_SCORES, study.combinations)},
        {
            "boxes": paths.table("boxes"),
            "comparisons": paths.table("box_comparisons"),
        },
        combos=study.combinations,
        dataset=lambda w: w.dataset,
        sets=job_settings.box_sets,
        statistics=job_settings.intervals,
    ),
    "readers": step(
        needs(1500, 30),
        "Comparing the explainers with the readers",
        {
            "pairs": paths.READER_PAIRS,
            "readers": paths.READERS_WITHOUT,
            "scores": job_files.by_pair(paths.READER_SCORES, study.beside_readers),
        },
        {
            "agreement": paths.table("reader_agreement"),
            "beside": paths.table("readers"),
        },
        combos=job_settings.pairs(
            study.beside_readers, binarization=study.primary_of_readers
        ),
        dataset=lambda w: w.dataset,
        metric=cfg.statistics.primary,
        statistics=lambda w: {
            **job_settings.intervals,
            "margin": cfg.statistics.margin,
        },
    ),
    "organs": step(
        needs(1000, 20),
        "Summarizing the attribution per organ",
        {"shares": job_files.by_pair(paths.ORGAN_SHARES, study.combinations)},
        {"organs": paths.table("organs")},
        combos=job_settings.pairs(study.combinations),
        statistics=job_settings.intervals,
    ),
    "without_twins": step(
        needs(1500, 30),
        "Computing the primary result without near-duplicates",
        {
            "scores": job_files.primary_scores,
            "near_duplicates": paths.NEAR_DUPLICATES,
        },
        {
            "localization": paths.table("localization_without_near_duplicates"),
            "comparisons": paths.table("comparisons_without_near_duplicates"),
        },
        combos=primary_blocks,
        statistics=job_settings.statistics,
        partial=study.partial,
    ),
    "ranks": step(
        needs(1500, 30),
        "Ranking the explainers",
        {"scores": job_files.scores},
        {"ranks": paths.table("ranks")},
        combos=blocks,
        statistics=cfg.statistics.model_dump(),
        metrics=job_settings.metric_names,
        families=study.families,
        diagnostic=study.diagnostic,
    ),
    "seeds": step(
        needs(1000, 20),
        "Measuring the spread between training seeds",
        {"localization": paths.table("localization")},
        {"seeds": paths.table("seeds")},
        bases=study.bases,
    ),
    "layers": step(
        needs(1000, 20),
        "Joining scores and layers",
        {
            "localization": paths.table("localization"),
            "architectures": job_files.by_classifier(paths.ARCHITECTURE),
        },
        {"layers": paths.table("layers")},
        classifiers=list(study.classifiers),
        sweeps=study.sweeps,
    ),
    "stability_cases": step(
        needs(1000, 30),
        "Reading how stable the maps are",
        {"maps": job_files.stability_maps},
        {"table": paths.STABILITY},
        blocks=job_files.stability_blocks,
    ),
    "stability": step(
        needs(1000, 20),
        "Summarizing the stability of the maps",
        {
            "reported": job_files.by_classifier(
                paths.STABILITY, study.reporting_classifiers
            )
        },
        {"stability": paths.table("stability")},
        classifiers=study.reporting_classifiers,
        combos=study.reporting,
    ),
    "threshold_curves": step(
        needs(1500, 30),
        "Averaging the threshold curves",
        {"curves": job_files.of_own_explainers(paths.CURVES)},
        {"table": paths.THRESHOLD_CURVES},
        explainers=job_settings.own_explainers,
        statistics=job_settings.intervals,
    ),
    "mixed_model": step(
        needs(1500, 60),
        "Fitting the mixed model",
        {
            "scores": job_files.primary_scores,
            "classification": job_files.if_classified(paths.table("classification")),
        },
        {"mixed_model": paths.table("mixed_model")},
        combos=primary_blocks,
        statistics=cfg.statistics.model_dump(),
        families=study.families,
        bases=study.bases,
    ),
    "failure_model": step(
        needs(1500, 60),
        "Modelling why localization fails",
        {
            "scores": job_files.primary_scores,
            "lesions": paths.LESIONS,
            "cases": paths.CASES,
            "classification": job_files.if_classified(paths.table("classification")),
        },
        {"failure_model": paths.table("failure_model")},
        combos=primary_blocks,
        statistics=cfg.statistics.model_dump(),
        families=study.families,
        bases=study.bases,
    ),
    "controls": step(
        needs(2000, 60),
        "Judging the metrics by classifiers whose reasons are known",
        {
            "scores": job_files.scores,
            "hidden": job_files.by_classifier(paths.HIDING, study.control_names),
            "classification": job_files.if_classified(paths.table("classification")),
        },
        {
            "hiding": paths.table("hiding"),
            "controls": paths.table("controls"),
        },
        combos=blocks,
        dataset=lambda w: w.dataset,
        kinds=study.controls,
        least_accuracy=cfg.controls.least_accuracy,
        families=study.families,
        statistics=job_settings.intervals,
    ),
    "strata": step(
        needs(1500, 30),
        "Summarizing the scores by strata of cases",
        {
            "scores": job_files.primary_scores,
            "told": job_files.of_some(paths.STRATA_CASES, study.stratified),
        },
        {"strata": paths.table("strata")},
        combos=primary_blocks,
        statistics=job_settings.statistics,
        other_references=job_settings.other_references,
    ),
    # Per case: what a classifier adds to the agreement among explainers that use no classifier.
    "agreement_cases": step(
        needs(1500, 30),
        "Comparing the masks of the explainers with one another",
        {"masks": job_files.of_explainers(paths.MASKS), "cases": paths.CASES},
        {"table": paths.AGREEMENT},
        explainers=job_settings.explainers_of,
        own=job_settings.own_explainers,
    ),
    "agreement": step(
        needs(1000, 20),
        "Summarizing the agreement of the explainers",
        {
            "pairs": job_files.with_unclassified(paths.AGREEMENT),
            "cases": paths.CASES,
        },
        {"table": paths.table("agreement-{classifier}")},
        explainers=job_settings.explainers_of,
        binarization=study.primary_binarization,
    ),
    "summarize_faithfulness": step(
        needs(1500, 30),
        "Joining faithfulness and localization",
        {
            "faithfulness": job_files.by_pair(
                paths.FAITHFULNESS, study.faithfulness_pairs
            ),
            "scores": job_files.faithfulness_scores,
            "sensitivity": job_files.sensitivity,
        },
        {
            "summary": paths.table("faithfulness"),
            "cases": paths.table("faithfulness_cases"),
        },
        combos=job_settings.pairs(study.faithfulness_pairs),
        metrics=cfg.faithfulness.metrics,
        given=study.given,
        primary=cfg.statistics.primary,
        statistics=job_settings.intervals,
    ),
    "compare_faithfulness": step(
        needs(1500, 30),
        "Comparing the faithfulness of the explainers",
        {"cases": paths.table("faithfulness_cases")},
        {"comparisons": paths.table("faithfulness_comparisons")},
        metrics=cfg.faithfulness.metrics,
        statistics=job_settings.tests,
    ),
    "summarize_sanity": step(
        needs(1000, 20),
        "Summarizing the sanity checks",
        {"checks": job_files.by_pair(paths.SANITY, study.sanity_pairs)},
        {"sanity": paths.table("sanity")},
        combos=job_settings.pairs(study.sanity_pairs),
        statistics=job_settings.intervals,
    ),
    "summarize_repeatability": step(
        needs(1000, 20),
        "Summarizing the agreement between training seeds",
        {
            "compared": job_files.by_pair(
                paths.REPEATABILITY, study.repeated_pairs, first="base"
            )
        },
        {"repeatability": paths.table("repeatability")},
        combos=job_settings.pairs(
            study.repeated_pairs, binarization=study.primary_binarization
        ),
        statistics=job_settings.intervals,
    ),
    "known_truth": step(
        needs(1000, 30),
        "Listing which explainers find the planted mark",
        {
            "scores": job_files.by_pair(paths.KNOWN_TRUTH, study.combinations),
            "accuracies": job_files.by_classifier(paths.KNOWN_TRUTH_ACCURACY),
        },
        {"known_truth": paths.table("known_truth")},
        combos=job_settings.pairs(study.combinations),
        classifiers=list(study.classifiers),
        settings=part(cfg.known_truth, "accuracy", "level"),
        families=study.families,
        statistics=job_settings.intervals,
    ),
    # Input of the failure model, which relates localization to facts of lesions and cases.
    "lesions": step(
        needs(1500, 30),
        "Measuring the lesions",
        {"prepared": job_files.referenced([study.judged_split])},
        {"lesions": paths.LESIONS},
    ),
}


for name, job in STEPS.items():
    # When the job runs, `rule` holds its rule's name; `name` would be the last name of the loop.
    globals()["rule"] = name

    rule:
        name:
            name
        input:
            **job.inputs,
        output:
            **job.outputs,
        resources:
            **job.needed,
        params:
            **job.params,
            digest=code_of(f"{name}.py", names=study.metrics),
        message:
            f"{job.says}: {{wildcards}}"
        script:
            f"../workflow_scripts/{rule}.py"


rule verdict:
    input:
        **RESULT_TABLES,
        ranks=paths.table("ranks"),
        stability=paths.table("stability"),
        lung_quality=job_files.of_lung_model(paths.LUNG_QUALITY),
        data_warnings=paths.DATA_WARNINGS,
        near_duplicates=paths.NEAR_DUPLICATES,
        means_without_twins=paths.table("localization_without_near_duplicates"),
        comparisons_without_twins=paths.table("comparisons_without_near_duplicates"),
        readers=job_files.of_some(paths.table("readers"), study.with_readers),
        faithfulness=branch(
            bool(study.faithfulness_pairs),
            then=paths.table("faithfulness_comparisons"),
            otherwise=[],
        ),
    output:
        markdown=paths.table("verdict", "md"),
        html=report(
            paths.table("verdict", "html"),
            caption="captions/verdict.rst",
            category=title_of_dataset,
            subcategory="Verdict",
            labels={"content": "The verdict in words"},
        ),
        json=paths.table("verdict", "json"),
    resources:
        **needs(1000, 20),
    params:
        families=study.families,
        display=shown_as,
        bases=study.bases,
        confounded=study.confounded,
        statistics=cfg.statistics.model_dump(),
        generated=lambda w: w.dataset in study.generated,
        lung_from=lambda w: study.lungs_from.get(w.dataset, ""),
        searched=lambda w: study.datasets[w.dataset].near_duplicates
        not in ("off", False),
        digest=code_of("verdict.py", names=study.metrics),
        templates=templates_digest(),
    message:
        "Writing the verdict on {wildcards.dataset}"
    script:
        "../workflow_scripts/verdict.py"


rule human_benchmark:
    input:
        cases=paths.CASES,
        raw=raw_of,
    output:
        paths.table("human_benchmark"),
    wildcard_constraints:
        dataset=any_of(study.with_points),
    resources:
        **needs(1500, 30),
    params:
        points=lambda w: study.datasets[w.dataset].human_benchmark.points,
        dataset=lambda w: w.dataset,
        statistics=job_settings.intervals,
        reading=job_settings.reading,
    message:
        "Counting the hits of the human benchmark on {wildcards.dataset}"
    script:
        "../workflow_scripts/human_benchmark.py"
