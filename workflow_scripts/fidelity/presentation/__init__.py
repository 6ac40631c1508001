"""Shared by tables, figures, verdict and pages: words, numbers, templates and one style sheet."""
