"""Scores of boxes: what a map points out against what readers drew a box around.

Boxes are float (y0, x0, y1, x1), half-open, as in `fidelity.masks.boxes`. `geometry`, `from_maps`,
`one_case` and `lesions` treat one image. `accuracy`, `froc`, `rodeo` and `wsol` treat a set of
images. They take how often each image counts, so a resample is one more row of weights.
"""
