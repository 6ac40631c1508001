# Input functions and code digests for the rules in the other files. This file defines no rules.


# ---- cases.smk ----


def raw_of(w):
    return paths.RAW.format(source=job_settings.raw_names[w.dataset])


def shards_of(w):
    """Return the folder of shard tables, which is known once the checkpoint has run."""
    return checkpoints.shard_cases.get(dataset=w.dataset).output[0]


def shard_cases_of(w):
    shards_of(w)
    return paths.fill(paths.SHARD_CASES, w)


def classes_of(w):
    """Return classes.json of the checkpoint: a new index then reruns only what it changes."""
    shards_of(w)
    return paths.fill(paths.SHARD_CLASSES, w)


def acquisition_of(w):
    return job_settings.acquisition(job_settings.acquired_for[w.source])


def modules_of_source(source):
    """Return the modules that create or find the files of a source and list its cases."""
    found = [READERS[source], *([GENERATORS[source]] if source in GENERATORS else [])]
    return [name.removeprefix("fidelity.") for name in found]


def unplanted(w):
    """Return the arguments that a script lacks if the data set has no planted mark."""
    return () if w.dataset in study.planted else ("planted",)


def prepare_digest(w):
    absent = () if w.dataset in study.lungs_from else ("lung_model",)
    return code_of("prepare.py", absent=(*absent, *unplanted(w)))


# ---- classifiers.smk ----


def all_checked(w):
    """Return no file; let a first training wait for the checks of classifiers and imported maps.

    Once a model exists, Snakemake decides about checks and trainings separately. Otherwise each
    check that is due would cause a new training, or would hide other reasons for one.
    """
    # A cluster job needs no test: it is submitted only after all checks.
    if workflow.is_main_process and not Path(paths.fill(paths.MODEL, w)).exists():
        checkpoints.checks.get(dataset=w.dataset)
    return []


def train_digest(w):
    entry = study.classifiers[w.classifier].model_dump()
    return code_of("train.py", absent=absent_from_training(entry))


# ---- saliency.smk ----


def modules_of(entry):
    """Return the module of an explainer, and of the explainer that it runs on other weights."""
    inner = modules_of(entry.of) if hasattr(entry, "of") else []
    return [method_of(entry.method).module, *inner]


def explainer_code(script, w):
    """Return the digest of the explainer, of the code that runs it and of any network it needs."""
    entry = study.explainers[w.explainer]
    methods = tuple(e.method for e in (entry, getattr(entry, "of", None)) if e)
    absent = () if getattr(w, "classifier", paths.NONE) != paths.NONE else ("model",)
    return code_of(script, *modules_of(entry), names=methods, absent=absent)


# ---- localization.smk ----


def binarize_digest(w):
    method = job_settings.binarization(w)["method"]
    chosen = RULES[method].module.removeprefix("fidelity.")
    return code_of("binarize.py", chosen, names=(method,))


# ---- statistics.smk, summary.smk, pages.smk ----


# Tables that all of these read: the formatted tables, the verdict and the pages of a data set.
RESULT_TABLES = {
    "localization": paths.table("localization"),
    "comparisons": paths.table("comparisons"),
    "seeds": paths.table("seeds"),
    "classification": job_files.if_classified(paths.table("classification")),
    "class_order": job_files.if_classified(paths.table("class_order")),
    "cases": paths.CASES,
    "counts": paths.CASE_COUNTS,
}


# ---- known_truth.smk ----


def known_truth_digest(script):
    return lambda w: code_of(script, absent=unplanted(w))


# ---- units.smk ----


def code_of_unit(w):
    """Return {rule: digest of the code} for all steps behind the results of a unit.

    If the code depends on the explainer or binarization, their names are part of the key.
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


# ---- provenance.smk ----


# Paths outside the project that no result may reveal.
PLACES = result_origins.Places(
    [*result_origins.texts_in(cfg.model_dump()), *job_settings.origins()]
)


# {data set: the folder of its acquired files}
RAW_FOLDERS = {
    name: paths.RAW.format(source=raw) for name, raw in job_settings.raw_names.items()
}


def take_over_results():
    """Let Snakemake know the origin of results that were moved here, or refuse them."""
    for dataset, folder in RAW_FOLDERS.items():
        correct_link(Path(folder) / "data", cfg.origin_of(dataset))
    patterns = [path.regex() for step in workflow.rules for path in step.output]
    try:
        for note in records.take_over(RAW_FOLDERS, patterns, PLACES):
            print(note, file=sys.stderr, flush=True)
    except InputError as error:
        raise WorkflowError(str(error)) from None


# Rules that the tables do not need; they may have run or not when the tables are finished.
BESIDE_TABLES = (
    "figure_",
    "export_",
    "agreement",
    "explore",
    "paper",
    "study_page",
    "fit_lung_model",
    "human_benchmark",
    "known_truth",
    "layers",
    "measure_lung_model",
    "summary_over_datasets",
    "threshold_curves",
    "provenance",
)


def benchmark_patterns(dataset, wanted=lambda rule: not rule.startswith(BESIDE_TABLES)):
    """Return {rule: regular expression of its benchmark files}, limited to names of this config."""
    found = {
        step.name: step.benchmark.regex().pattern
        for step in workflow.rules
        if step.benchmark and wanted(step.name)
    }
    if dataset in study.lungs_from:
        # Trained on another data set, but needed for this one.
        for name, job in (
            ("fit_lung_model", paths.LUNG_FIT),
            ("measure_lung_model", paths.LUNG_MEASURE),
        ):
            path = benchmark_of(job).format(dataset=study.lungs_from[dataset])
            found[name] = re.escape(path)
    return found
