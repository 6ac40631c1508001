"""One image under a trained classifier: its probabilities, a map per explainer, an overlay."""
