"""Null baselines: answers that know nothing of the classifier. An explainer must beat them."""
