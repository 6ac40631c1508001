"""Null baselines: answers that know nothing of the classifier. An explainer must beat them.

And ceilings: answers that know what no explanation of the classifier can know.
"""
