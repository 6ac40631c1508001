"""Plain English for the keys of provenance.json and the names of rules, for its page."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fidelity.datasets.registry import GENERATORS
from fidelity.presentation import titles
from fidelity.presentation.titles import in_words

# What a rule does, as shown in the table of steps.
STEPS: Mapping[str, str] = MappingProxyType(
    {
        "acquire": "Getting the images",
        "index_cases": "Listing and checking the images",
        "shard_cases": "Dividing the images into parts (shards)",
        "near_duplicates_across": "Near-duplicates across data sets",
        "prepare": "Resizing images and masks",
        "refer": "Joining the readers",
        "list_prepared": "Listing the prepared images",
        "strata_cases": "Listing the strata of the cases",
        "fit_lung_model": "Training the lung model",
        "measure_lung_model": "Measuring the lung model",
        "organ_masks": "Listing the organ masks",
        "check_classifier": "Checking the network and its layers",
        "train": "Training the classifier",
        "import_classifier": "Loading the classifier",
        "predict": "Classifying the images",
        "name_outputs": "Reading the classes of the outputs",
        "evaluate": "Evaluating the classifiers",
        "fit": "Fitting to training masks",
        "check_imported": "Checking imported maps",
        "explain": "Making maps",
        "explain_on_cpu": "Making maps without a network (slow methods)",
        "explain_without_network": "Making maps without a network",
        "sweep": "Scoring at every threshold",
        "rank": "Scoring the maps themselves",
        "box_scores": "Scoring boxes",
        "tune": "Tuning the threshold",
        "binarize": "Turning maps into masks",
        "score": "Scoring masks",
        "reader_pairs": "Comparing the readers",
        "reader_scores": "Scoring against the readers",
        "lesions": "Measuring the lesions",
        "organ_shares": "Measuring the attribution per organ",
        "faithfulness": "Measuring faithfulness",
        "sensitivity": "Measuring the sensitivity of maps",
        "sanity": "Sanity checks",
        "repeatability": "Comparing training seeds",
        "hiding": "Hiding the lesions",
        "stability_cases": "Reading the stability of maps",
        "summarize": "Means with intervals",
        "compare": "Comparing the explainers",
        "boxes": "Box scores over sets of images",
        "readers": "Comparing explainers with readers",
        "organs": "Means per organ",
        "without_twins": "Result without near-duplicates (if any)",
        "ranks": "Ranking the explainers",
        "seeds": "Spread between training seeds",
        "mixed_model": "Fitting the mixed model",
        "failure_model": "Modelling failures",
        "controls": "Judging metrics by controls",
        "strata": "Means by stratum",
        "stability": "Means of stability",
        "summarize_faithfulness": "Means of faithfulness",
        "compare_faithfulness": "Comparing faithfulness",
        "summarize_sanity": "Means of the sanity checks",
        "summarize_repeatability": "Means of repeatability",
        "verdict": "Writing the verdict",
        "format_tables": "Formatting the tables",
        "unit": "Packing a unit",
    }
)
# Headings of the top-level keys.
PARTS = {
    "code": "Code",
    "accepted": "Results kept although their code had changed (make accept)",
    "inputs": "Data",
    "classifiers": "Classifiers",
    "tables": "Fingerprints (digests) of the tables",
    "seeds": "Seeds",
    "hardware": "Hardware",
    "environment": "Software",
}
# Paths of keys → words; a group is the name of a classifier, or of something without a title.
_FACTS = {
    r"code\.version": "Version of the project",
    r"code\.commit": "Git commit",
    r"code\.dirty": "Code changed since this commit",
    r"code\.digest": "Fingerprint of the code",
    r"accepted": "Results kept in this way",
    r"accepted\[\d+\]\.rule": "Step",
    r"accepted\[\d+\]\.file": "Result",
    r"accepted\[\d+\]\.computed_by": "Fingerprint of the code that computed it",
    r"accepted\[\d+\]\.accepted_for": "Fingerprint of the code that it was kept for",
    r"inputs\.source": "Kind of data set",
    r"inputs\.cases\.train/(.+)": "Images: training split, {}",
    r"inputs\.cases\.val/(.+)": "Images: validation split, {}",
    r"inputs\.cases\.test/(.+)": "Images: test split, {}",
    r"inputs\.files": "Files",
    r"inputs\.bytes": "Size in bytes",
    r"inputs\.indexed_cases": "Images listed",
    r"inputs\.digest": "Fingerprint of images and masks",
    r"inputs\.start_weights": "Weights that trainings start from",
    r"inputs\.start_weights\.(.+)": "Weights that {} starts from, or their fingerprint",
    r"inputs\.plugins": "Fingerprints of the plugins",
    r"classifiers\.(.+)\.architecture": "{}: architecture",
    r"classifiers\.(.+)\.digest": "{}: fingerprint of its weights",
    r"classifiers\.(.+)\.kept_epoch": "{}: epoch whose weights were kept",
    r"tables\.(.+)": "{}",
    r"seeds\.config": "Seed of the study",
    r"seeds\.training\.(.+)": "Seed of the training of {}",
    r"hardware\.cpu": "Processor",
    r"hardware\.cores": "Processor cores",
    r"hardware\.memory_gib": "Memory in GiB",
    r"hardware\.gpus": "GPUs",
    r"environment\.python": "Python",
    r"environment\.os": "Operating system",
    r"environment\.packages\.(.+)": "Package {}",
}
# Sections of the config whose keys are names: the word for an entry, and the function that gives
# its title.
ENTRIES: Mapping[str, tuple[str, Callable[[str], str]]] = MappingProxyType(
    {
        "datasets": ("Data set", titles.dataset_title),
        "classifiers": ("Classifier", titles.classifier_title),
        "explainers": ("Explainer", titles.explainer_title),
        "binarizations": ("Binarization", titles.binarization_title),
    }
)


def fact(path: str) -> str:
    """Describe a fact by the dotted path of its key."""
    for pattern, words in _FACTS.items():
        if found := re.fullmatch(pattern, path):
            return words.format(*map(titles.classifier_title, found.groups()))
    return setting(path.partition(".")[2] or path)


def with_kind(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Explain the kind of a data set whose images are generated; others stay as they are."""
    kind = {"source": f"{inputs.get('source')} (generated images)"}
    return {**inputs, **(kind if inputs.get("source") in GENERATORS else {})}


def setting(path: str) -> str:
    """Write the dotted path of a key in words: "boxes.false_positives" as "Boxes, …"."""
    return in_words(path.replace(".", ", "))
