"""Checks of a config as a whole, which no section can make by itself: see `meaning`."""
