"""Which explainers find the planted mark that a classifier of the phantom lives on."""
