"""Null baselines: maps that ignore the trained classifier. An explainer must beat them.

The package also has ceilings: maps that use information which no explanation of the classifier can
have.
"""
