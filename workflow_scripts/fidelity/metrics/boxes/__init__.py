"""Scores of boxes: compare what a map points out with the boxes that readers drew.

Boxes are float (y0, x0, y1, x1), half-open, as in `fidelity.masks.boxes`. `geometry`, `from_maps`,
`one_case` and `lesions` handle one image. `accuracy`, `froc`, `rodeo` and `wsol` handle a set of
images. They take weights that state how often each image counts, so a resample is one more row of
weights.
"""
