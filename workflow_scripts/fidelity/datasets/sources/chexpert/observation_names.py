"""Names of CheXpert's observations and CheXlocalize's pathologies. Imports nothing."""

# Columns of CheXpert's label files (Irvin et al. 2019). CheXpert's "Lung Opacity" is "Airspace
# Opacity" in CheXlocalize. The latter name is used here, as in reference and predicted masks.
OBSERVATIONS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Airspace Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
# The observations with reference masks (Saporta et al. 2022).
PATHOLOGIES = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Airspace Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Support Devices",
)
ALIASES = {"Lung Opacity": "Airspace Opacity"}


def canonical(name: str) -> str:
    """Return the name that this project uses for an observation."""
    return ALIASES.get(name, name)
