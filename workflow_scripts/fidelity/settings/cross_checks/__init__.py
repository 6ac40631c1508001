"""Checks of the config as a whole, which no section can do alone: see `meaning`."""
