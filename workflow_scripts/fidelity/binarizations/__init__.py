"""Rules that turn a normalised saliency map into a predicted mask, one module each.

Each module has `binarize(map01, **params) -> (mask, threshold)`: float32 (H, W) in [0, 1] to a
boolean (H, W) and the threshold that was used, so that the mask is `map01 > threshold` (a rule that
says so may also take pixels that equal it, or fill or choose areas, and reports NaN if no threshold
describes its mask). A rule that needs more than the map says so in the registry and is given it by
keyword. All are strict: a constant zero map gives an empty mask under every rule.
"""
