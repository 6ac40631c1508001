"""Shared by the figures: one look, and reading the scores that several use."""
