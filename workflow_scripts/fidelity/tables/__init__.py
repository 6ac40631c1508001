"""Formatted tables of a study. Each table is laid out once as text and written in three formats."""
