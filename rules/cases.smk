# From a data source to prepared shards.


rule acquire:
    output:
        directory("results/raw/{source}"),
    log:
        "results/logs/acquire/{source}.log",
    benchmark:
        "results/benchmarks/acquire/{source}.tsv"
    # What a look into the tables tells comes before all that takes longer.
    priority: 110
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(240),
    params:
        source=lambda w: DATASETS[RAW[w.source]]["source"],
        settings=lambda w: acquisition(RAW[w.source]),
        seed=lambda w: acquisition(RAW[w.source]).get("seed", 0),
        # Names, sizes and times of the files that the source reads: no other file re-runs anything.
        # In a mapping: a bare digest is one of code, which `make accept` may accept.
        listing=lambda w: {
            "files": listing.source_digest(
                settings.data_origin(cfg, RAW[w.source]),
                DATASETS[RAW[w.source]]["source"],
                index_settings(RAW[w.source]),
            )
        },
        digest=lambda w: code_of(
            "acquire.py", *modules_of_source(DATASETS[RAW[w.source]]["source"])
        ),
    message:
        "Acquiring the images of {wildcards.source}"
    script:
        "../workflow_scripts/acquire.py"


rule index_cases:
    input:
        raw=raw_of,
    output:
        cases="results/{dataset}/cases.csv",
        quarantine="results/{dataset}/quarantine.csv",
        classes="results/{dataset}/classes.json",
        near_duplicates="results/{dataset}/near_duplicates.csv",
        counts="results/{dataset}/case_counts.csv",
    log:
        "results/logs/{dataset}/index_cases.log",
    benchmark:
        "results/benchmarks/{dataset}/index_cases.tsv"
    # What a look into the tables tells comes before all that takes longer.
    priority: 110
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=memory(2000),
        runtime=minutes(120),
    params:
        settings=lambda w: index_settings(w.dataset),
        targets=TARGETS,
        digest=lambda w: code_of(
            "index_cases.py",
            READERS[DATASETS[w.dataset]["source"]].removeprefix("fidelity."),
        ),
    message:
        "Listing and checking the cases of {wildcards.dataset}"
    script:
        "../workflow_scripts/index_cases.py"


checkpoint shard_cases:
    input:
        cases=rules.index_cases.output.cases,
        classes=rules.index_cases.output.classes,
    output:
        directory("results/{dataset}/shards"),
    log:
        "results/logs/{dataset}/shard_cases.log",
    benchmark:
        "results/benchmarks/{dataset}/shard_cases.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        counts=lambda w: DATASETS[w.dataset]["shards"],
        digest=code_of("shard_cases.py"),
    message:
        "Distributing the cases of {wildcards.dataset} over shards"
    script:
        "../workflow_scripts/shard_cases.py"


rule prepare:
    input:
        shard=lambda w: f"{shards_of(w)}/{w.shard}.csv",
        classes=classes_of,
        # The shard's own table says which files changed (by digest); the folder's time does not.
        raw=lambda w: ancient(raw_of(w)),
        lung_model=lung_file("model.safetensors"),
    output:
        "results/{dataset}/prepared/{shard}.h5",
    log:
        "results/logs/{dataset}/prepare/{shard}.log",
    benchmark:
        "results/benchmarks/{dataset}/prepare/{shard}.tsv"
    conda:
        ENV
    threads: lambda w: COMPUTE["threads"] if w.dataset in LUNGS_FROM else 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
        gpu=lambda w: GPUS if w.dataset in LUNGS_FROM else 0,
    params:
        settings=lambda w: subset(w.dataset, PREPARE_KEYS),
        lung=lung_settings,
        digest=prepare_digest,
    message:
        "Preparing {wildcards.shard} of {wildcards.dataset}"
    script:
        "../workflow_scripts/prepare.py"


rule list_prepared:
    input:
        prepared=prepared_explained,
        classes=classes_of,
    output:
        "results/{dataset}/prepared/explained.json",
    log:
        "results/logs/{dataset}/list_prepared.log",
    benchmark:
        "results/benchmarks/{dataset}/list_prepared.tsv"
    conda:
        ENV
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    params:
        digest=code_of("list_prepared.py"),
    message:
        "Listing the prepared shards of {wildcards.dataset}"
    script:
        "../workflow_scripts/list_prepared.py"


rule fit_lung_model:
    input:
        cases=rules.index_cases.output.cases,
        # The case table says which files changed (by digest); the folder's time does not.
        raw=lambda w: ancient(raw_of(w)),
    output:
        model="results/{dataset}/lung_model/model.safetensors",
    log:
        "results/logs/{dataset}/lung_model/fit.log",
    benchmark:
        "results/benchmarks/{dataset}/lung_model/fit.tsv"
    wildcard_constraints:
        dataset=any_of(set(LUNGS_FROM.values())),
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(4000, 3000),
        runtime=minutes(240),
        gpu=GPUS,
    params:
        # How predicted masks are cleaned up teaches the network nothing.
        settings={k: v for k, v in cfg["lung_model"].items() if k != "components"},
        reading=lambda w: subset(w.dataset, READING_KEYS),
        seed=cfg["seed"],
        compute=LUNG_COMPUTE,
        digest=code_of("fit_lung_model.py"),
    message:
        "Teaching a network the lungs of {wildcards.dataset}"
    script:
        "../workflow_scripts/fit_lung_model.py"


rule measure_lung_model:
    input:
        cases=rules.index_cases.output.cases,
        raw=lambda w: ancient(raw_of(w)),
        model=rules.fit_lung_model.output.model,
    output:
        scores="results/{dataset}/lung_model/scores.csv",
        quality=report(
            "results/{dataset}/lung_model/quality.csv",
            caption="captions/lung_model.rst",
            category="{dataset}",
            subcategory="Tables",
            labels={"content": "Model of the lungs"},
        ),
    log:
        "results/logs/{dataset}/lung_model/measure.log",
    benchmark:
        "results/benchmarks/{dataset}/lung_model/measure.tsv"
    wildcard_constraints:
        dataset=any_of(set(LUNGS_FROM.values())),
    conda:
        ENV
    threads: COMPUTE["threads"]
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
        gpu=GPUS,
    params:
        components=cfg["lung_model"]["components"],
        reading=lambda w: subset(w.dataset, READING_KEYS),
        statistics={key: cfg["statistics"][key] for key in ("replicates", "alpha")},
        seed=cfg["seed"],
        compute=LUNG_COMPUTE,
        digest=code_of("measure_lung_model.py"),
    message:
        "Measuring the model of the lungs on the test split of {wildcards.dataset}"
    script:
        "../workflow_scripts/measure_lung_model.py"
