"""Test which explainers find the planted mark that a classifier of the phantom depends on."""
