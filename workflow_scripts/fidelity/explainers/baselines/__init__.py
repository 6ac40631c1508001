"""Null baselines: maps that ignore the trained classifier. An explainer must beat them.

And ceilings: answers that know what no explanation of the classifier can know.
"""
