"""Figures of a classifier alone, without explainers."""
