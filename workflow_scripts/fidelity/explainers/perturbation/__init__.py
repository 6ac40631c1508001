"""Perturbation methods beside LIME: how the output changes when parts of the image are hidden."""
