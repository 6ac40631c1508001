"""Rules that turn a normalised saliency map into a predicted mask, one module each.

Each module has `binarize(map01, **params) -> (mask, threshold)`: float32 (H, W) in [0, 1] to a
boolean (H, W) and the threshold that was used. The mask is `map01 > threshold`. Some rules also
take pixels that equal the threshold, or fill or choose areas; their docstrings state it. They
report NaN if no threshold describes the mask. A rule gets by keyword what its registry entry lists
besides the map. All are strict: a constant zero map gives an empty mask under every rule.
"""
