"""Estimate the cost of a study, for `make estimate` and benchmarks/estimate.py."""
