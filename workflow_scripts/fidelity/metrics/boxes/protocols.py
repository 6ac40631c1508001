"""What people read in the place of the keys of protocols of boxes."""

TITLES = {"wsol": "WSOL evaluation", "chestxray8": "ChestX-ray8", "rodeo": "RoDeO"}
