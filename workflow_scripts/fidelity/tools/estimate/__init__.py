"""What a study will cost: `make estimate` and benchmarks/estimate.py."""
