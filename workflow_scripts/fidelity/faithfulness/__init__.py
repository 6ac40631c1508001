"""Measure whether the classifier uses what a map shows, by removing and keeping pixels."""
