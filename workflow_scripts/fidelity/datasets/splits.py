"""The splits of a data set, in their order."""

SPLITS = ("train", "val", "test")
