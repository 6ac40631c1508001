"""Explainers that read the gradient of a logit at the input, or a changed backward pass to it.

The networks take a grey image repeated over their channels, so attributions are taken at the
network's (normalised) input and summed over its channels.
"""
