"""Perturbation methods beside LIME: what the classifier says when parts of the image are hidden."""
