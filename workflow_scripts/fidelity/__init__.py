"""Localization fidelity of explanations of chest X-ray classifiers."""

__version__ = "0.1.0"
