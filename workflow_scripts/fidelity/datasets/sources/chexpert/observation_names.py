"""Names of CheXpert's observations and CheXlocalize's pathologies. Imports nothing."""

# Columns of CheXpert's label files (Irvin et al. 2019). "Lung Opacity" there is "Airspace Opacity"
# in CheXlocalize, whose name is used here because reference and predicted masks carry it.
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
# Those with reference masks (Saporta et al. 2022).
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
    """Give the name an observation has here."""
    return ALIASES.get(name, name)
