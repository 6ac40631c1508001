"""Scores of boxes: what a map points out against what readers drew a box around.

Boxes are float (y0, x0, y1, x1), half-open, as in `fidelity.masks.boxes`. `geometry`, `from_maps`,
`one_case` and `lesions` are of one image; `accuracy`, `froc`, `rodeo` and `wsol` are of a set of
images: they take how often each image counts, so that a resample is one more row of weights.
"""
