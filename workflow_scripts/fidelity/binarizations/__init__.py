"""Rules that turn a normalised saliency map into a predicted mask, one module each.

Each module has `binarize(map01, **params) -> (mask, threshold)`. It turns a float32 map (H, W) in
[0, 1] into a boolean mask (H, W), and returns the threshold used. The mask is `map01 > threshold`.
Some rules also take pixels that equal the threshold, or fill or choose areas; their docstrings
state this. If no threshold describes the mask, the rule returns NaN.

Besides the map, a rule receives the keyword arguments listed in its registry entry. All rules are
strict: a map of zeros gives an empty mask.
"""
