"""Does a classifier live on the planted mark alone? Only then is it known what explains it."""

from typing import Any

import numpy as np
import scipy


def dependence(
    truth: np.ndarray,
    marked: np.ndarray,
    as_is: np.ndarray,
    erased: np.ndarray,
    planted: np.ndarray,
    mark_class: str,
) -> dict[str, Any]:
    """Compare what a classifier says of images with and without the mark.

    Args:
        truth: (n,) class of each image.
        marked: (n,) bool, whether the image has the mark.
        as_is: (n,) class that the classifier says of the image.
        erased: (n,) the same once the mark is taken away.
        planted: (n,) the same once the mark is there.
        mark_class: the class that the mark goes with.

    Returns:
        n, n_marked, accuracy, accuracy_erased, chance (always saying the most frequent class),
        p_value (exact binomial test, one-sided: is accuracy_erased above chance? It treats images
        as independent, so it claims more easily that something is left, and refuses more easily);
        n_planted (images of other classes), follows_mark (share of these that are taken for the
        mark's class once they have it; nan without any).
    """
    right = int(np.count_nonzero(erased == truth))
    _, counts = np.unique(truth, return_counts=True)
    chance = float(counts.max() / len(truth))
    test = scipy.stats.binomtest(right, len(truth), chance, alternative="greater")
    others = truth != mark_class
    follows = float((planted[others] == mark_class).mean()) if others.any() else np.nan
    return {
        "n": len(truth),
        "n_marked": int(np.count_nonzero(marked)),
        "accuracy": float((as_is == truth).mean()),
        "accuracy_erased": right / len(truth),
        "chance": chance,
        "p_value": float(test.pvalue),
        "n_planted": int(np.count_nonzero(others)),
        "follows_mark": follows,
    }


def refusal(found: dict[str, Any], least: float, level: float) -> str | None:
    """State why the truth of a classifier is not known; None if it is.

    Args:
        found: as `dependence` returns it.
        least: accuracy with the mark, and share that follows it, that are required.
        level: of the test of the accuracy without the mark.
    """
    numbers = (
        f"accuracy {found['accuracy']:.3f} with the mark, {found['accuracy_erased']:.3f} with it "
        f"erased, chance {found['chance']:.3f} (n = {found['n']:.0f}); "
        f"{found['follows_mark']:.3f} of {found['n_planted']:.0f} images of other classes follow "
        "a planted mark"
    )
    if found["accuracy"] < least:
        return f"it does not use the mark enough: {numbers}; required: {least:g} with the mark"
    if found["p_value"] <= level:
        return f"it also uses something else: {numbers}; p = {found['p_value']:.2g} against chance"
    if not found["follows_mark"] >= least:
        return f"the mark alone does not decide its prediction: {numbers}; required: {least:g}"
    return None
