"""Localization fidelity of explanations of chest X-ray classifiers."""

import os

__version__ = "0.1.0"

# Threads that wait by spinning make a training three to five times slower beside another program.
# torch's OpenMP reads this once, when it is loaded: set here, before any module loads torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
