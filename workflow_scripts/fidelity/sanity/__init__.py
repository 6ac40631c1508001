"""Sanity checks: does a map change with random weights, or for another class?"""
