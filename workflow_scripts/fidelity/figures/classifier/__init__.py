"""Figures of a classifier, without an explainer."""
