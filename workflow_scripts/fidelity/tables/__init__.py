"""Formatted tables of a study. A table is laid out once as text and written in three formats."""
