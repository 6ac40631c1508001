"""Units of a study: the per-case results of one training, small enough to commit."""
