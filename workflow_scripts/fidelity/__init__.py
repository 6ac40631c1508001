"""Localization fidelity of explanations of chest X-ray classifiers."""

import os

__version__ = "0.1.0"

# Waiting threads must not spin: that makes a training three to five times slower if another program
# runs. torch's OpenMP reads the variable once at loading, so it is set before any module loads
# torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
