"""Sanity checks: does a map change when what was learnt, or the class asked about, changes."""
