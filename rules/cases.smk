# From a data source to prepared shards.


rule acquire:
    output:
        directory(paths.RAW),
    # Runs early, so that problems in the tables are reported before anything slow starts.
    priority: 110
    resources:
        **needs(1000, 240),
    params:
        source=lambda w: acquisition_of(w)["source"],
        settings=acquisition_of,
        seed=lambda w: acquisition_of(w).get("seed", 0),
        # Names, sizes and times of the files that the source reads: a change of any other file
        # reruns nothing. In a mapping, because a bare digest is taken for a digest of code, which
        # `make accept` may accept.
        listing=lambda w: {"files": job_settings.source_listing(w.source)},
        digest=lambda w: code_of(
            "acquire.py", *modules_of_source(acquisition_of(w)["source"])
        ),
    message:
        "Acquiring the images of {wildcards.source}"
    script:
        "../workflow_scripts/acquire.py"


rule index_cases:
    input:
        raw=raw_of,
        others=lambda w: expand(
            paths.LOOKS, dataset=study.datasets[w.dataset].near_duplicates_of
        ),
    output:
        cases=paths.CASES,
        quarantine=paths.QUARANTINE,
        classes=paths.CLASSES,
        near_duplicates=paths.NEAR_DUPLICATES,
        counts=paths.CASE_COUNTS,
        warnings=paths.DATA_WARNINGS,
        looks=paths.LOOKS,
    # Runs early, so that problems in the tables are reported before anything slow starts.
    priority: 110
    threads: 2
    resources:
        **needs(2000, 120),
    params:
        settings=lambda w: job_settings.index(w.dataset),
        targets=job_settings.targets,
        digest=lambda w: code_of(
            "index_cases.py",
            READERS[study.datasets[w.dataset].source].removeprefix("fidelity."),
            absent=unplanted(w),
        ),
    message:
        "Listing and checking the cases of {wildcards.dataset}"
    script:
        "../workflow_scripts/index_cases.py"


rule near_duplicates_across:
    input:
        looks=expand(paths.LOOKS, dataset=study.compared_datasets),
    output:
        paths.summary_table("near_duplicates"),
    resources:
        **needs(2000, 30),
    params:
        datasets=study.compared_datasets,
        # One threshold for all pairs: the most permissive one of the compared data sets.
        distance=max(
            (
                study.datasets[d].near_duplicate_distance
                for d in study.compared_datasets
            ),
            default=0,
        ),
        correlation=min(
            (
                study.datasets[d].near_duplicate_correlation
                for d in study.compared_datasets
            ),
            default=1,
        ),
    message:
        "Looking for images that two data sets have in common"
    script:
        "../workflow_scripts/near_duplicates_across.py"


checkpoint shard_cases:
    input:
        cases=paths.CASES,
        classes=paths.CLASSES,
    output:
        directory(paths.SHARDS),
    resources:
        **needs(1000, 20),
    params:
        counts=job_settings.of_dataset("shards"),
    message:
        "Distributing the cases of {wildcards.dataset} over shards"
    script:
        "../workflow_scripts/shard_cases.py"


rule prepare:
    input:
        shard=shard_cases_of,
        classes=classes_of,
        # `ancient`, because the shard's own table lists the files by digest; the folder's time is
        # irrelevant.
        raw=lambda w: ancient(raw_of(w)),
        lung_model=job_files.of_lung_model(paths.LUNG_MODEL),
    output:
        paths.PREPARED,
    threads: lambda w: THREADS if w.dataset in study.lungs_from else 1
    resources:
        **needs(1500, 60, gpu=lambda w: GPUS if w.dataset in study.lungs_from else 0),
    params:
        settings=job_settings.prepare,
        lung=job_settings.lung,
        digest=prepare_digest,
    message:
        "Preparing {wildcards.shard} of {wildcards.dataset}"
    script:
        "../workflow_scripts/prepare.py"


rule refer:
    input:
        prepared=paths.PREPARED,
        # Lists the names of all readers. `ancient`, because the shard shows which files changed.
        cases=lambda w: ancient(paths.fill(paths.CASES, w)),
    output:
        paths.REFERENCED,
    wildcard_constraints:
        dataset=any_of(study.with_readers),
    resources:
        **needs(1500, 60),
    params:
        reference=lambda w: study.with_readers[w.dataset],
    message:
        "Joining the readers of {wildcards.shard} of {wildcards.dataset}"
    script:
        "../workflow_scripts/refer.py"


rule list_prepared:
    input:
        prepared=job_files.referenced(),
        classes=classes_of,
    output:
        paths.EXPLAINED,
    resources:
        **needs(1000, 30),
    message:
        "Listing the prepared shards of {wildcards.dataset}"
    script:
        "../workflow_scripts/list_prepared.py"


rule organ_masks:
    input:
        cases=paths.CASES,
        raw=lambda w: ancient(raw_of(w)),
    output:
        paths.table("organ_masks"),
    wildcard_constraints:
        dataset=any_of(study.with_organs),
    resources:
        **needs(1500, 30),
    params:
        settings=job_settings.organ_masks,
    message:
        "Listing the organ masks of {wildcards.dataset}"
    script:
        "../workflow_scripts/organ_masks.py"


rule strata_cases:
    input:
        cases=paths.CASES,
        prepared=paths.EXPLAINED,
    output:
        paths.STRATA_CASES,
    wildcard_constraints:
        dataset=any_of(study.stratified),
    resources:
        **needs(1500, 30),
    params:
        strata=job_settings.of_dataset("strata"),
    message:
        "Listing the strata of the cases of {wildcards.dataset}"
    script:
        "../workflow_scripts/strata_cases.py"


rule fit_lung_model:
    input:
        cases=paths.CASES,
        # `ancient`, because the case table lists the files by digest; the folder's time is
        # irrelevant.
        raw=lambda w: ancient(raw_of(w)),
    output:
        model=paths.LUNG_MODEL,
    log:
        log_of(paths.LUNG_FIT),
    wildcard_constraints:
        dataset=any_of(set(study.lungs_from.values())),
    threads: THREADS
    resources:
        **needs(4000, 240, per_attempt=3000, gpu=GPUS),
    params:
        # Removing small components from predicted masks does not change the training.
        settings=cfg.lung_model.model_dump(exclude={"components"}),
        reading=job_settings.reading,
        seed=cfg.seed,
        compute=job_settings.compute("threads", "device"),
    message:
        "Training the lung model on {wildcards.dataset}"
    script:
        "../workflow_scripts/fit_lung_model.py"


rule measure_lung_model:
    input:
        cases=paths.CASES,
        raw=lambda w: ancient(raw_of(w)),
        model=paths.LUNG_MODEL,
    output:
        scores=paths.LUNG_SCORES,
        quality=report(
            paths.LUNG_QUALITY,
            caption="captions/lung_model.rst",
            category=title_of_dataset,
            subcategory="Tables",
            labels={"content": "Model of the lungs"},
        ),
    log:
        log_of(paths.LUNG_MEASURE),
    wildcard_constraints:
        dataset=any_of(set(study.lungs_from.values())),
    threads: THREADS
    resources:
        **needs(2000, 60, gpu=GPUS),
    params:
        components=cfg.lung_model.components,
        reading=job_settings.reading,
        statistics=part(cfg.statistics, "replicates", "alpha"),
        seed=cfg.seed,
        compute=job_settings.compute("threads", "device"),
    message:
        "Measuring the lung model on the test split of {wildcards.dataset}"
    script:
        "../workflow_scripts/measure_lung_model.py"
