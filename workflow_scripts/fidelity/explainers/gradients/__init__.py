"""Explainers that use the gradient of a logit at the input, or a changed backward pass.

The networks take a grey image repeated over their channels. So attributions are taken at the
network's (normalised) input and summed over its channels.
"""
