# Input functions and params of the rules, by the file that uses them. No rules here.


# ---- cases.smk ----

# Keys of every data set that decide which cases there are; a source's own keys come on top.
INDEX_KEYS = (
    "source",
    "input",
    "annotated_classes",
    "labels",
    "lung_masks",
    "duplicates",
    "limit",
    "strict",
)


PREPARE_KEYS = ("input", "image_size", "lung_masks", "annotated_classes")


def subset(dataset, keys):
    """Some keys of a data set's settings."""
    return {key: value for key, value in DATASETS[dataset].items() if key in keys}


def acquisition(dataset):
    """What a data set's files depend on; data sets that agree in it share one copy."""
    source = DATASETS[dataset]["source"]
    found = subset(dataset, {"source", *settings.own_keys(source)})
    if "root" in found:
        # However the root is written, and wherever the project is moved together with it.
        found["root"] = os.path.relpath(settings.data_root(cfg, dataset).resolve())
    else:
        found["seed"] = cfg["seed"]
    return found


def index_settings(dataset):
    """What the list of cases depends on beside the files."""
    own = settings.own_keys(DATASETS[dataset]["source"]) - {"root"}
    return {
        **subset(dataset, {*INDEX_KEYS, *own}),
        "explained": cfg["explain"]["splits"],
        "trained": any(entry["training"] is not None for entry in CLASSIFIERS.values()),
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

TRAINED = [name for name, entry in CLASSIFIERS.items() if entry["training"] is not None]


LOADED = [name for name in CLASSIFIERS if name not in TRAINED]


def classifier_settings(name, *without):
    return {
        key: value for key, value in CLASSIFIERS[name].items() if key not in without
    }


def layers_asked_for():
    """The layers that explainers name; they are looked for before anything is trained."""
    return {
        key: entry["layer"] for key, entry in EXPLAINERS.items() if "layer" in entry
    }


def start_weights(w):
    """The checkpoint that a training starts from, if it is a file."""
    weights = CLASSIFIERS[w.classifier]["weights"]
    return [] if weights in (None, "imagenet") else weights


# ---- saliency.smk ----


def model_of(w):
    """The classifier's file; nothing for explainers that need none."""
    return (
        []
        if w.classifier == "none"
        else f"results/{w.dataset}/{w.classifier}/model.safetensors"
    )


def explain_threads(w):
    return 1 if w.classifier == "none" else COMPUTE["threads"]


def explain_compute(w):
    """What decides how a network computes; null baselines have none."""
    keys = ("batch",) if w.classifier == "none" else ("threads", "batch", "device")
    return {key: COMPUTE[key] for key in keys}


def explain_digest(w):
    """Code of the explainer, of the loop around it, and of the network where there is one."""
    network = [] if w.classifier == "none" else ["classifiers.store"]
    method = method_of(EXPLAINERS[w.explainer]["method"])
    return digests.module_digest(method.module, "explainers.runner", *network)


def explainer_settings(w):
    entry = dict(EXPLAINERS[w.explainer])
    if entry["method"].startswith("plugin:"):
        entry["plugins"] = plugins_for(entry["method"])
    return entry


# ---- localization.smk ----

MAPS = "results/{dataset}/{classifier}/{explainer}"


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


# ---- summary.smk ----

FIRST_PROTOCOL = cfg["protocols"][0]


def combinations(dataset):
    """All rows of a data set's tables, in the order of their score files."""
    return [
        {
            "dataset": dataset,
            "classifier": classifier,
            "explainer": explainer,
            "binarization": binarization,
            "protocol": protocol,
        }
        for classifier, explainer in COMBINATIONS
        for binarization in BINARIZATIONS
        for protocol in cfg["protocols"]
    ]


def all_scores(w):
    return expand(
        [
            rules.score.output[0].format(**combination)
            for combination in combinations(w.dataset)
        ]
    )


def explainers_of(classifier):
    """A classifier's explainers and the null baselines that stand beside them."""
    return [(c, e) for c, e in COMBINATIONS if c in (classifier, "none")]


def per_explainer(pattern):
    """An input function: one file per explainer of the classifier."""
    return lambda w: [
        pattern.format(dataset=w.dataset, classifier=c, explainer=e)
        for c, e in explainers_of(w.classifier)
    ]


def scores_per_explainer(w):
    return [
        f"results/{w.dataset}/{c}/{e}/{w.binarization}/{FIRST_PROTOCOL}/scores.parquet"
        for c, e in explainers_of(w.classifier)
    ]


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
            "scores": f"results/{w.dataset}/{c}/{e}/{w.binarization}/{FIRST_PROTOCOL}/scores.parquet",
        }
        for c, e in explainers_of(w.classifier)
    ]


def statistics_settings():
    primary = cfg["statistics"]["primary_binarization"] or next(iter(BINARIZATIONS))
    return {**cfg["statistics"], "primary_binarization": primary}


def summary_files():
    return [*rules.summary_over_datasets.output]
