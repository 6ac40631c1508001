"""Test whether a classifier depends on the planted mark alone.

Only if it does is the correct explanation known.
"""

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
    """Compare the predictions of a classifier on images with and without the mark.

    Args:
        truth: (n,) true class of each image.
        marked: (n,) bool, whether the image has the mark.
        as_is: (n,) predicted class of the unchanged image.
        erased: (n,) predicted class after the mark is removed.
        planted: (n,) predicted class after the mark is added.

    Returns:
        A dictionary with these entries. n: number of images. n_marked: images with the mark.
        accuracy: on the unchanged images. accuracy_erased: after the mark is removed. chance:
        accuracy of always predicting the most frequent class. p_value: of an exact one-sided
        binomial test whether accuracy_erased is above chance. The test treats images as
        independent, so it reports remaining information, and refuses a classifier, more often.
        n_planted: images of other classes. follows_mark: the share of these that are predicted as
        `mark_class` after the mark is added; nan if there are none.
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
    """State why the correct explanation of a classifier is not known; None if it is known.

    Args:
        found: as `dependence` returns it.
        least: minimum of both the accuracy with the mark and the share of images that follow it.
        level: significance level of the test of the accuracy without the mark.
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
