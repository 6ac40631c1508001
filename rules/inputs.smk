# Input functions and params of the rules, by the file that uses them. No rules here.


# ---- cases.smk ----

# Keys of every data set that say what the values in its files mean.
READING_KEYS = ("intensity", "intensity_percentiles", "intensity_bits", "mask_values")

# Keys of every data set that decide which cases there are; a source's own keys come on top.
INDEX_KEYS = (
    "source",
    "input",
    "annotated_classes",
    "labels",
    "lung_masks",
    "lung_from",
    *READING_KEYS,
    "duplicates",
    "near_duplicates",
    "near_duplicate_distance",
    "near_duplicate_correlation",
    "limit",
    "strict",
    "max_unusable",
    "outside_links",
)


PREPARE_KEYS = (
    "input",
    "image_size",
    "lung_masks",
    *READING_KEYS,
    "annotated_classes",
)


# Data sets whose lungs are drawn by a model, and the data set that has taught it.
LUNGS_FROM = {
    name: entry["lung_from"]
    for name, entry in DATASETS.items()
    if entry["lung_masks"] == "predicted"
}


def lung_file(name):
    """An input function: a file of the model that draws a data set's lungs, if one does."""
    return lambda w: (
        f"results/{LUNGS_FROM[w.dataset]}/lung_model/{name}"
        if w.dataset in LUNGS_FROM
        else []
    )


def lung_settings(w):
    """What `prepare` must know to draw lungs."""
    if w.dataset not in LUNGS_FROM:
        return {}
    return {
        "lung_from": LUNGS_FROM[w.dataset],
        "components": cfg["lung_model"]["components"],
        "compute": LUNG_COMPUTE,
    }


def prepare_digest(w):
    drawn = ["segmentation.lungs"] if w.dataset in LUNGS_FROM else []
    return digests.module_digest("datasets.prepare", *drawn)


LUNG_COMPUTE = {key: COMPUTE[key] for key in ("threads", "device")}


def subset(dataset, keys):
    """Some keys of a data set's settings."""
    return {key: value for key, value in DATASETS[dataset].items() if key in keys}


def acquisition(dataset):
    """What a data set's files depend on; data sets that agree in it share one copy."""
    source = DATASETS[dataset]["source"]
    found = subset(dataset, {"source", *settings.own_keys(source)})
    where = settings.data_origin(cfg, dataset)
    if where is not None:
        # However the path is written, and wherever the project is moved together with it.
        key = "root" if found.get("root") is not None else "archive"
        others = config_entries.ORIGIN_KEYS - {key}
        found = {k: v for k, v in found.items() if k not in others}
        found[key] = os.path.relpath(where.resolve())
    elif not found.get("download"):
        found["seed"] = cfg["seed"]
    return found


def acquiring_module(source):
    """The module that makes or finds the files of a source, below `fidelity`."""
    return (READERS | GENERATORS)[source].removeprefix("fidelity.")


def index_settings(dataset):
    """What the list of cases depends on beside the files."""
    own = settings.own_keys(DATASETS[dataset]["source"]) - config_entries.ORIGIN_KEYS
    return {
        **subset(dataset, {*INDEX_KEYS, *own}),
        "explained": cfg["explain"]["splits"],
        "trained": any(entry["training"] is not None for entry in CLASSIFIERS.values()),
    }


# The target rules of the config by the key that says them; index_cases knows the classes.
TARGETS = {"explain.target": cfg["explain"]["target"]} | {
    f"explain.targets.{name}": target
    for name, target in cfg["explain"]["targets"].items()
}


def raw_name(dataset):
    text = json.dumps(acquisition(dataset), sort_keys=True)
    fingerprint = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return f"{DATASETS[dataset]['source']}-{fingerprint}"


RAW = {raw_name(dataset): dataset for dataset in DATASETS}


def raw_of(w):
    return f"results/raw/{raw_name(w.dataset)}"


def shards_of(w):
    """The folder of shard tables, known once the checkpoint has run."""
    return checkpoints.shard_cases.get(dataset=w.dataset).output[0]


def classes_of(w):
    """classes.json, asked for through the checkpoint, so that an index made anew re-runs only what it changed."""
    return f"{shards_of(w)}/classes.json"


# ---- classifiers.smk ----


def checks_of(w):
    """What can be known to be wrong before any classifier is trained or loaded."""
    maps = IMPORTED if w.dataset in STUDIES else []
    return [
        *(f"results/{w.dataset}/{name}/architecture.json" for name in CLASSIFIERS),
        *(f"results/{w.dataset}/none/{name}/imported.csv" for name in maps),
    ]


TRAINED = [name for name, entry in CLASSIFIERS.items() if entry["training"] is not None]


LOADED = [name for name in CLASSIFIERS if name not in TRAINED]
# Those whose order of classes may be wrong: torchxrayvision names its outputs.
ORDERED = [
    name for name in LOADED if not CLASSIFIERS[name]["architecture"].startswith("xrv:")
]


def classifier_settings(name, *without):
    return {
        key: value for key, value in CLASSIFIERS[name].items() if key not in without
    }


# What decides how the weights of a classifier are read.
READING = (
    "architecture",
    "weights",
    "weights_entry",
    "trusted",
    "classes",
    "outputs",
    "output_values",
    "head",
    "mean",
    "std",
    "transform_input",
)


def settings_to_check(w):
    found = {key: CLASSIFIERS[w.classifier][key] for key in READING}
    return {**found, "loaded": w.classifier in LOADED}


def data_to_check(w):
    """What the check of loaded weights must know of the data set."""
    entry = DATASETS[w.dataset]
    if w.classifier not in LOADED or CLASSIFIERS[w.classifier]["classes"]:
        return {key: entry[key] for key in ("uncertain",) if key in entry}
    # Its classes are the example in an error.
    folder = settings.data_root(cfg, w.dataset)
    return {
        **acquisition(w.dataset),
        **index_settings(w.dataset),
        "folder": folder and str(folder),
    }


def layers_asked_for(w):
    """The layers that explainers name; they are looked for before anything is trained."""
    nested = {
        key: settings.explainer_for(entry.get("of", entry), BASES[w.classifier])
        for key, entry in EXPLAINERS.items()
    }
    return {key: entry["layer"] for key, entry in nested.items() if "layer" in entry}


# Explainers that change the backward pass, and their methods (of random weights: the inner one's).
BACKWARD = {
    name: entry.get("of", entry)["method"]
    for name, entry in EXPLAINERS.items()
    if method_of(entry.get("of", entry)["method"]).own_backward
}


def start_weights(w):
    """The checkpoint that a training starts from, if it is a file."""
    weights = CLASSIFIERS[w.classifier]["weights"]
    return [] if weights in (None, "imagenet") else weights


def all_checked(w):
    """No file: before a first training, waits for the checks of all classifiers and imported maps.

    Once there is a model, checks and trainings are asked separately whether they must run: else each
    check that is due would be a reason to train, or hide the reasons there are.
    """
    model = Path(f"results/{w.dataset}/{w.classifier}/model.safetensors")
    # A job on a cluster was submitted because all is checked.
    if workflow.is_main_process and not model.exists():
        checkpoints.checks.get(dataset=w.dataset)
    return []


# ---- saliency.smk ----


def model_of(w):
    """The classifier's file; nothing for explainers that need none."""
    return (
        []
        if w.classifier == "none"
        else f"results/{w.dataset}/{w.classifier}/model.safetensors"
    )


def target_of_explainer(w):
    """The target rule; one word for all explainers without a classifier."""
    return (
        "reference" if w.classifier == "none" else settings.target_of(cfg, w.explainer)
    )


def plugins_of_classifier(w):
    return plugins_for(CLASSIFIERS.get(w.classifier, {}).get("architecture", "none"))


# Explainers with a network to run: the classifier's, or their own.
NETWORK_EXPLAINERS = [
    name
    for name, entry in EXPLAINERS.items()
    if method_of(entry["method"]).needs_classifier
    or method_of(entry["method"]).own_network
]
# Those without, on one core: of seconds per shard, and those that may take minutes.
CPU_EXPLAINERS = [
    name
    for name, entry in EXPLAINERS.items()
    if method_of(entry["method"]).takes_minutes
]
LIGHT_EXPLAINERS = sorted(set(EXPLAINERS) - {*NETWORK_EXPLAINERS, *CPU_EXPLAINERS})


def explain_compute(w):
    """What decides how a network computes; most null baselines have none."""
    with_network = w.explainer in NETWORK_EXPLAINERS
    keys = ("threads", "batch", "device") if with_network else ("batch",)
    return {key: COMPUTE[key] for key in keys}


def explain_digest(w):
    """Code of the explainer, of the loop around it, and of the network where there is one."""
    network = (
        []
        if w.classifier == "none"
        else ["classifiers.weights.own_format", "classifiers.predict"]
    )
    return digests.module_digest(
        *modules_of(EXPLAINERS[w.explainer]), "explainers.runner", *network
    )


def modules_of(entry):
    """The module of an explainer, and of the one that it runs on other weights."""
    inner = modules_of(entry["of"]) if "of" in entry else []
    return [method_of(entry["method"]).module, *inner]


def explainer_settings(w):
    base = BASES.get(getattr(w, "classifier", "none"), "none")
    entry = settings.explainer_for(EXPLAINERS[w.explainer], base)
    entry = with_plugins(without_family(entry))
    if entry["method"] != "imported":
        return entry
    entry = imported_paths.for_dataset(entry, w.dataset)
    # Names, sizes and times of the maps: one added, removed or changed is noticed.
    return {
        **entry,
        "listing": listing.listing_digest(
            imported_paths.root_of(entry), imported_paths.any_map(entry)
        ),
    }


def with_plugins(entry):
    """An explainer's entry with the plugin files that it needs."""
    entry = dict(entry)
    if entry["method"].startswith("plugin:"):
        entry["plugins"] = plugins_for(entry["method"])
    if "of" in entry:
        entry["of"] = with_plugins(entry["of"])
    return entry


FITTED = [
    name for name, entry in EXPLAINERS.items() if method_of(entry["method"]).fitted
]


IMPORTED = [name for name, entry in EXPLAINERS.items() if entry["method"] == "imported"]


def fitted_of(w):
    """What an explainer has learnt from the training masks, or the list of its own maps."""
    if w.explainer in IMPORTED:
        return f"results/{w.dataset}/none/{w.explainer}/imported.csv"
    return (
        f"results/{w.dataset}/none/{w.explainer}/fitted.safetensors"
        if w.explainer in FITTED
        else []
    )


# ---- localization.smk ----

MAPS = "results/{dataset}/{classifier}/{explainer}"
SCORES_PATTERN = f"{MAPS}/{{binarization}}/{{protocol}}/scores.parquet"


def maps_of(w):
    return [
        f"results/{w.dataset}/{w.classifier}/{w.explainer}/maps/{shard}.h5"
        for shard in explained_shards(w.dataset)
    ]


def prepared_explained(w):
    return [
        f"results/{w.dataset}/prepared/{shard}.h5"
        for shard in explained_shards(w.dataset)
    ]


def predictions_of(w):
    return (
        []
        if w.classifier == "none"
        else f"results/{w.dataset}/{w.classifier}/predictions.csv"
    )


def rule_of(w):
    """Binarization and post-processing of this explainer, per_explainer resolved."""
    return settings.rule_for(cfg, w.binarization, w.explainer)


TUNED = [
    name
    for name in BINARIZATIONS
    if any(
        settings.rule_for(cfg, name, explainer)["binarization"]["method"] == "tuned"
        for explainer in EXPLAINERS
    )
]


def thresholds_of(w):
    return (
        f"results/{w.dataset}/{w.classifier}/{w.explainer}/{w.binarization}/thresholds.csv"
        if rule_of(w)["binarization"]["method"] == "tuned"
        else []
    )


def cutoff_predictions_of(w):
    """The predictions, where masks depend on them."""
    return predictions_of(w) if rule_of(w)["postprocess"]["min_probability"] else []


def val_shards(pattern):
    """An input function: one file per shard of the validation split."""
    return lambda w: [
        pattern.format(**w, shard=shard) for shard in shard_names(w.dataset, ["val"])
    ]


def binarize_seed(w):
    """The seed where superpixels are drawn, so that they are LIME's own; else 0."""
    superpixels = rule_of(w)["binarization"]["method"] == "superpixels"
    return cfg["seed"] if superpixels else 0


def binarize_digest(w):
    method = rule_of(w)["binarization"]["method"]
    return digests.module_digest(
        RULES[method].module.removeprefix("fidelity."),
        "binarizations.apply",
        "binarizations.rule_inputs",
        "datasets.prepared_list",
        "scoring.predictions",
        "binarizations.postprocess",
        "maps.pixel_frames",
        "maps.case_maps",
    )


# ---- summary.smk ----

# The protocol of the primary comparison and of the figures; always in the config.
PRIMARY_PROTOCOL = "default"
PRIMARY_BINARIZATION = cfg["statistics"]["primary_binarization"]
# Rules that look at the reference mask: shown, but not compared.
DIAGNOSTIC = [
    name for name, rule in BINARIZATIONS.items() if settings.sees_reference(rule)
]
FAMILIES = {name: family_of(entry) for name, entry in EXPLAINERS.items()}
# Explainers that may lack cases by their nature, or by the config.
PARTIAL = [
    name
    for name, entry in EXPLAINERS.items()
    if method_of(entry["method"]).partial or entry.get("missing") == "skip"
]
# Each classifier's key before its training seeds were expanded.
BASES = settings.base_names(cfg)

# {sweep: its explainers by depth}, of `layer: all`.
SWEEPS = settings.layer_sweeps(cfg)
# Data sets with points of other radiologists.
WITH_POINTS = [
    name
    for name, entry in DATASETS.items()
    if entry.get("human_benchmark", {}).get("points")
]
METRIC_NAMES = {key: cfg["scores"][key] for key in ("metrics", "ranking")}
# What decides means and intervals, not tests.
INTERVALS = {key: cfg["statistics"][key] for key in ("replicates", "alpha", "cluster")}
TESTS = {**INTERVALS, "permutations": cfg["statistics"]["permutations"]}


def combination(dataset, classifier, explainer, binarization, protocol):
    return {
        "dataset": dataset,
        "classifier": classifier,
        "explainer": explainer,
        "binarization": binarization,
        "protocol": protocol,
    }


def combinations(dataset):
    """All blocks of a data set's tables, in the order of their files.

    Scores of masks, then those of the maps themselves, which have no binarization.
    """
    masks = [
        combination(dataset, classifier, explainer, binarization, protocol)
        for classifier, explainer in COMBINATIONS
        for binarization in BINARIZATIONS
        for protocol in cfg["protocols"]
    ]
    maps = [combination(dataset, *names, "none", "default") for names in COMBINATIONS]
    return [*masks, *(maps if cfg["scores"]["ranking"] else [])]


def cohort_asked_for(w):
    """What the scores of a data set must cover before they are averaged."""
    return {
        "annotated": DATASETS[w.dataset]["annotated_classes"],
        "splits": cfg["explain"]["splits"],
        "incomplete": PARTIAL,
        "partial": cfg["explain"]["partial_cohort"],
    }


def scores_file(block):
    pattern = (
        rules.rank.output[0] if block["binarization"] == "none" else SCORES_PATTERN
    )
    return pattern.format(**block)


def all_scores(w):
    return [scores_file(block) for block in combinations(w.dataset)]


def primary_combinations(dataset):
    """The blocks of the primary binarization and protocol."""
    return [
        block
        for block in combinations(dataset)
        if block["binarization"] == PRIMARY_BINARIZATION
        and block["protocol"] == PRIMARY_PROTOCOL
    ]


def primary_scores(w):
    return [scores_file(block) for block in primary_combinations(w.dataset)]


def reports_stability(entry):
    """Whether an explainer's maps say how stable they are, itself or on other weights."""
    return method_of(entry["method"]).stability or (
        "of" in entry and reports_stability(entry["of"])
    )


# Classifiers and explainers that go into stability.csv.
REPORTING = [(c, e) for c, e in COMBINATIONS if reports_stability(EXPLAINERS[e])]
REPORTING_CLASSIFIERS = list(dict.fromkeys(c for c, _ in REPORTING))


def stability_files(dataset, classifier):
    """Map files that report their stability: explainer, split, path."""
    return [
        (e, split, f"results/{dataset}/{classifier}/{e}/maps/{shard}.h5")
        for c, e in REPORTING
        if c == classifier
        for split in cfg["explain"]["splits"]
        for shard in shard_names(dataset, [split])
    ]


def explainers_of(classifier):
    """A classifier's explainers and the null baselines that stand beside them."""
    return [(c, e) for c, e in COMBINATIONS if c in (classifier, "none")]


def own_explainers(classifier):
    """Those that run on the classifier; under `none` those without one."""
    return [(c, e) for c, e in COMBINATIONS if c == classifier]


def per_unit(name):
    """An input function: a file of the classifier, and of the explainers without one."""
    return lambda w: [
        f"results/{w.dataset}/{unit}/{name}"
        for unit in dict.fromkeys([w.classifier, "none"])
        if any(c == unit for c, _ in COMBINATIONS)
    ]


def scores_per_explainer(w):
    return [
        f"results/{w.dataset}/{c}/{e}/{w.binarization}/{PRIMARY_PROTOCOL}/scores.parquet"
        for c, e in explainers_of(w.classifier)
    ]


# What every figure of several explainers wants to know.
DRAWING = {"dpi": cfg["figures"]["dpi"], "seed": cfg["seed"], "families": FAMILIES}


def tuned_thresholds(w):
    """Where the primary binarization is tuned: each explainer's thresholds."""
    return {
        e: f"results/{w.dataset}/{c}/{e}/{PRIMARY_BINARIZATION}/thresholds.csv"
        for c, e in explainers_of(w.classifier)
        if settings.rule_for(cfg, PRIMARY_BINARIZATION, e)["binarization"]["method"]
        == "tuned"
    }


def primary_scores_of_classifier(w):
    return [
        SCORES_PATTERN.format(
            dataset=w.dataset,
            classifier=c,
            explainer=e,
            binarization=PRIMARY_BINARIZATION,
            protocol=PRIMARY_PROTOCOL,
        )
        for c, e in explainers_of(w.classifier)
    ]


def gallery_explainers(classifier):
    """What a gallery shows: what the config names, else explainers before baselines."""
    found = explainers_of(classifier)
    chosen = cfg["figures"]["gallery_explainers"]
    if chosen is None:
        ranked = sorted(found, key=lambda pair: FAMILY_ORDER.index(FAMILIES[pair[1]]))
        chosen = [e for _, e in ranked[:GALLERY_COLUMNS]]
    return [(c, e) for c, e in found if e in chosen]


GALLERY_COLUMNS = 7


def gallery_files(w):
    """Each explainer's files, as the gallery's script wants them."""
    return [
        {
            "explainer": e,
            "maps": [
                f"results/{w.dataset}/{c}/{e}/maps/{shard}.h5"
                for shard in explained_shards(w.dataset)
            ],
            "masks": f"results/{w.dataset}/{c}/{e}/{w.binarization}/masks.json",
            "scores": f"results/{w.dataset}/{c}/{e}/{w.binarization}/{PRIMARY_PROTOCOL}/scores.parquet",
        }
        for c, e in gallery_explainers(w.classifier)
    ]


def summary_files():
    return [*rules.summary_over_datasets.output] if STUDIES else []


def notebook_files(w):
    """Maps and primary masks of the classifier's first explainer."""
    classifier, explainer = explainers_of(w.classifier)[0]
    folder = f"results/{w.dataset}/{classifier}/{explainer}"
    return {
        "maps": [f"{folder}/maps/{shard}.h5" for shard in explained_shards(w.dataset)],
        "masks": f"{folder}/{PRIMARY_BINARIZATION}/masks.json",
    }


# ---- faithfulness.smk ----

FAITHFULNESS = cfg["faithfulness"]
# Every explainer is asked of every classifier, those that need none as well.
FAITHFULNESS_PAIRS = (
    [(c, e) for c in CLASSIFIERS for _, e in explainers_of(c)]
    if FAITHFULNESS["metrics"]
    else []
)
FAITHFULNESS_SPLITS = [settings.judged_split(cfg)]
MADE_UNDER = {(c, e): source for c in CLASSIFIERS for source, e in explainers_of(c)}


# Explainers whose maps are read: they cannot be asked about a changed image.
GIVEN = [name for name, entry in EXPLAINERS.items() if method_of(entry["method"]).given]


def faithfulness_settings(w):
    """What decides the faithfulness of maps that are there; sensitivity makes its own."""
    own = {key: value for key, value in FAITHFULNESS.items() if key != "sensitivity"}
    return {
        **own,
        "metrics": of_given_maps(FAITHFULNESS["metrics"]),
        "sign": cfg["postprocess"]["sign"],
        "derivative": is_derivative(EXPLAINERS[w.explainer]),
    }


def sensitivity_files(w):
    """One per pair of classifier and explainer, but those whose maps are read."""
    if not names_by("sensitivity", FAITHFULNESS["metrics"]):
        return []
    return [
        f"results/{w.dataset}/{MADE_UNDER[c, e]}/{e}/sensitivity.parquet"
        for c, e in FAITHFULNESS_PAIRS
        if e not in GIVEN
    ]


def sensitivity_digest(w):
    network = (
        []
        if w.classifier == "none"
        else ["classifiers.weights.own_format", "classifiers.predict"]
    )
    return digests.module_digest(
        *modules_of(EXPLAINERS[w.explainer]),
        "explainers.rerun",
        "explainers.base",
        "explainers.runner",
        "faithfulness.sensitivity",
        *network,
    )


def faithfulness_maps(w):
    source = MADE_UNDER[w.classifier, w.explainer]
    return [
        f"results/{w.dataset}/{source}/{w.explainer}/maps/{shard}.h5"
        for shard in shard_names(w.dataset, FAITHFULNESS_SPLITS)
    ]


def faithfulness_masks(w):
    """The primary masks, where a metric is taken at them."""
    if not needs_masks(FAITHFULNESS["metrics"]):
        return []
    source = MADE_UNDER[w.classifier, w.explainer]
    return (
        f"results/{w.dataset}/{source}/{w.explainer}/{PRIMARY_BINARIZATION}/masks.json"
    )


def faithfulness_scores(w, classifier, explainer):
    """Where the primary metric of these maps stands."""
    source = MADE_UNDER[classifier, explainer]
    folder = f"results/{w.dataset}/{source}/{explainer}"
    if cfg["statistics"]["primary"] in cfg["scores"]["ranking"]:
        return f"{folder}/ranking.parquet"
    return f"{folder}/{PRIMARY_BINARIZATION}/{PRIMARY_PROTOCOL}/scores.parquet"


# ---- sanity.smk ----

# Explainers whose maps must change with the network; none where the checks are off.
CHECKED = settings.checked_explainers(cfg)
SANITY_PAIRS = [(c, e) for c in CLASSIFIERS for e in CHECKED]
# {classifier's key: its training seeds}, where it is trained with several.
REPEATED = {
    base: names
    for base, names in settings.repeated(cfg).items()
    if RESTORED is None or base in RESTORED["units"]
}
REPEATED_PAIRS = [
    (base, e)
    for base in REPEATED
    for e, entry in EXPLAINERS.items()
    if method_of(entry["method"]).needs_classifier
]


def sanity_digest(w):
    return digests.module_digest(
        *modules_of(EXPLAINERS[w.explainer]),
        "classifiers.predict",
        "classifiers.weights.own_format",
        "explainers.rerun",
        "explainers.base",
        "explainers.runner",
        "sanity.run_checks",
    )


# Tables of the maps themselves, as far as the config asks for them; each joins tables.md.
CHECK_TABLES = [
    "stability",
    *(["faithfulness", "faithfulness_comparisons"] if FAITHFULNESS_PAIRS else []),
    *(["sanity"] if SANITY_PAIRS else []),
    *(["repeatability"] if REPEATED_PAIRS else []),
]


def check_tables(w):
    return [f"results/{w.dataset}/tables/{name}.csv" for name in CHECK_TABLES]


# ---- known_truth.smk ----

KNOWN_TRUTH = cfg["known_truth"]


def mark_class_of(w):
    """The source class that the phantom's planted mark goes with."""
    return DATASETS[w.dataset]["shortcut"]["class"]


# ---- provenance.smk ----

# Paths outside of the project that no result may show.
PLACES = result_origins.Places(
    [
        *result_origins.texts_in(cfg),
        *(
            os.path.relpath(where.resolve())
            for where in (settings.data_origin(cfg, name) for name in DATASETS)
            if where is not None
        ),
    ]
)
# {data set: the folder of its acquired files}
RAW_FOLDERS = {name: f"results/raw/{raw_name(name)}" for name in DATASETS}


def add_script_digests():
    """Make the text of each script a param, as it decides results like the modules it imports.

    Snakemake would compare the times of files (`rerun-triggers` leaves this out). In a new clone
    every script is newer than results that are moved there.
    """
    for step in workflow.rules:
        script = step.script or step.notebook
        if script:
            path = Path(workflow.basedir) / "rules" / script
            step.set_params(script=digests.script_digest(path))


def take_over_results():
    """Let Snakemake know what made results that were moved here, or refuse them."""
    patterns = [path.regex() for step in workflow.rules for path in step.output]
    try:
        for note in records.take_over(RAW_FOLDERS, patterns, PLACES):
            print(note, file=sys.stderr, flush=True)
    except InputError as error:
        raise WorkflowError(str(error)) from None


# Not needed for the tables, so there or not when the tables are finished.
BESIDE_TABLES = (
    "figure_",
    "export_",
    "agreement",
    "explore",
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
    """Each wanted rule's benchmark files as a regular expression, names of this config alone in it."""
    found = {
        step.name: step.benchmark.regex().pattern
        for step in workflow.rules
        if step.benchmark and wanted(step.name)
    }
    if dataset in LUNGS_FROM:
        # Learnt on another data set, for the sake of this one.
        taught = f"results/benchmarks/{LUNGS_FROM[dataset]}/lung_model"
        found["fit_lung_model"] = re.escape(f"{taught}/fit.tsv")
        found["measure_lung_model"] = re.escape(f"{taught}/measure.tsv")
    return found


# ---- units.smk ----


def results_of_explainers(dataset, classifier):
    """Tables of a classifier's explainers (of those without one under `none`), below results/."""
    if dataset not in STUDIES:
        return []
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
            if base == w.unit and d in STUDIES
        ]
    found = results_of_explainers(d, w.unit)
    if w.unit != workflow_rules.NONE:
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


UNITS = [workflow_rules.NONE, *CLASSIFIERS, *REPEATED]


def jobs_wanted(dataset):
    """The values of wildcards that belong to a data set."""
    return {
        "dataset": [dataset],
        "source": [raw_name(dataset)],
        "shard": shard_names(dataset, SPLITS),
    }


def steps_towards(w):
    """Files on the way to a unit's results: each kind once, below results/."""
    d, shards = w.dataset, explained_shards(w.dataset)
    found = [f"raw/{raw_name(d)}", f"{d}/classes.json", f"{d}/shards"]
    if d in LUNGS_FROM:
        found.append(f"{LUNGS_FROM[d]}/lung_model/model.safetensors")
    found += [f"{d}/prepared/{shard}.h5" for shard in shards[:1]]
    found.append(f"{d}/prepared/explained.json")
    if w.unit in CLASSIFIERS:
        found.append(f"{d}/{w.unit}/model.safetensors")
    for c, e in own_explainers(w.unit) if d in STUDIES else []:
        ways = SimpleNamespace(dataset=d, classifier=c, explainer=e)
        fitted = fitted_of(ways)
        found += [fitted.removeprefix("results/")] if fitted else []
        found += [f"{d}/{c}/{e}/maps/{shard}.h5" for shard in shards[:1]]
        found.append(f"{d}/{c}/{e}/curves.parquet")
        found += [f"{d}/{c}/{e}/{b}/masks.json" for b in BINARIZATIONS]
    return found


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
    for path in [*steps_towards(w), *results_of_unit(w)]:
        step, names = next(
            (step, match.groupdict())
            for step, pattern in patterns
            if (match := pattern.match(f"results/{path}"))
        )
        key, digest = step.name, step.params.digest
        if callable(digest):
            digest = digest(SimpleNamespace(**names))
            chosen = [names[k] for k in ("explainer", "binarization") if k in names]
            key = " ".join([key, *chosen])
        found[key] = f"{digest}/{step.params.script}"
    return found
