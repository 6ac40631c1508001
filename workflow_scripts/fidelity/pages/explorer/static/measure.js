"use strict";
// Compute scores of a mask from pixel counts. This file does not access the page.

explorer.measure = (() => {
  // The mask of the pixels whose level exceeds k, that is, whose value exceeds threshold k.
  function above(levels, k) {
    return levels.map((level) => (level > k ? 1 : 0));
  }

  // For each k, the numbers of pixels with a level above k inside and outside of the reference.
  function counted(levels, reference, number) {
    const inside = new Uint32Array(number + 2);
    const outside = new Uint32Array(number + 2);
    for (let i = 0; i < levels.length; i += 1) {
      if (reference[i]) inside[levels[i]] += 1;
      else outside[levels[i]] += 1;
    }
    for (let level = number; level >= 0; level -= 1) {
      inside[level] += inside[level + 1];
      outside[level] += outside[level + 1];
    }
    return { inside, outside };
  }

  function confusionAt(counts, k) {
    const tp = counts.inside[k + 1];
    return { tp, fp: counts.outside[k + 1], fn: counts.inside[0] - tp };
  }

  // IoU, Dice, precision and recall; `empty` gives their values for masks without pixels.
  function shares({ tp, fp, fn }, empty) {
    const noReference = tp + fn === 0;
    const noPrediction = tp + fp === 0;
    if (noReference || noPrediction) {
      const word = noReference && noPrediction ? "both" : noPrediction ? "prediction" : "reference";
      const value = empty[word];
      return { iou: value, dice: value, precision: value, recall: value };
    }
    return {
      iou: tp / (tp + fp + fn),
      dice: (2 * tp) / (2 * tp + fp + fn),
      precision: tp / (tp + fp),
      recall: tp / (tp + fn),
    };
  }

  return { above, counted, confusionAt, shares };
})();
