"""The data that a classifier is trained on, in memory."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Examples:
    """Images with their labels.

    Attributes:
        images: uint8 (n, H, W).
        labels: uint8 (n, classes), 1 if the image has the class; columns as in the classifier.
        known: bool (n, classes), False if a label is uncertain; None = all are known.
        irrelevant: bool (n, H, W), the pixels that should not matter; None without guidance.
    """

    images: np.ndarray
    labels: np.ndarray
    known: np.ndarray | None = None
    irrelevant: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images but {len(self.labels)} labels")
        if self.known is None:
            object.__setattr__(self, "known", np.ones(self.labels.shape, bool))

    def arrays(self) -> list[np.ndarray]:
        """Return the arrays that are not None."""
        return [array for array in vars(self).values() if array is not None]

    def __len__(self) -> int:
        return len(self.images)
