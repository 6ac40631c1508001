"""Perturbation methods other than LIME: how hiding parts of the image changes the output."""
