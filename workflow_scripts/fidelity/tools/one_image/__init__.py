"""Explain one image with a trained classifier: probabilities, a map per explainer, an overlay."""
