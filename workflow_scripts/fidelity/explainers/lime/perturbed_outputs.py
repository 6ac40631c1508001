"""The classifier's outputs for perturbed images that never leave the device."""

import numpy as np
import torch

from fidelity.classifiers.model import Classifier
from fidelity.classifiers.predict import classify_padded


class Perturbed:
    """One image, its hidden version and its superpixels on the device: turns bits into outputs."""

    def __init__(
        self,
        classifier: Classifier,
        image: np.ndarray,
        hidden: np.ndarray,
        segments: np.ndarray,
        batch: int,
    ) -> None:
        """Put an image on the classifier's device.

        Args:
            image: float (H, W) in [0, 1].
            hidden: float (H, W), what a hidden superpixel shows.
            segments: labels 0 … k-1 (H, W).
            batch: images per forward pass; a short last batch is padded.
        """
        self.classifier, self.batch = classifier, batch
        self.shown = torch.from_numpy(image).float().to(classifier.device)
        self.hidden = torch.from_numpy(hidden).float().to(classifier.device)
        self.segments = torch.from_numpy(segments.astype(np.int64)).to(classifier.device)
        changed = torch.zeros(int(segments.max()) + 1, dtype=torch.bool, device=classifier.device)
        changed[self.segments[self.shown != self.hidden]] = True
        self.live = changed
        """Which superpixels look different when hidden, (k,)."""

    @torch.inference_mode()
    def outputs(
        self, rows: torch.Tensor, target: int, output: str, precision: str
    ) -> tuple[torch.Tensor, int]:
        """Classify the perturbed images; images that look equal are classified once.

        Args:
            rows: uint8 (n, k) on the device, 1 = shown.
            target: column of the output.
            output: `probability` or `logit`.
            precision: `float32`, `bfloat16`, or `auto` (bfloat16 where the hardware has it).

        Returns:
            float64 (n,), and the number of different images.
        """
        # Bits of dead superpixels are set to 1 only for the picture; the regression keeps them.
        pictures, index = torch.unique(rows | ~self.live.unsqueeze(0), dim=0, return_inverse=True)
        values = self.classify(pictures.bool(), target, output, precision)
        return values[index], len(pictures)

    @torch.inference_mode()
    def classify(
        self, pictures: torch.Tensor, target: int, output: str, precision: str
    ) -> torch.Tensor:
        """Classify pictures, bool (n, k) with true = shown, in batches: float64 (n,)."""
        results = []
        for start in range(0, len(pictures), self.batch):
            bits = pictures[start : start + self.batch]
            images = torch.where(bits[:, self.segments], self.shown, self.hidden)
            answers = classify_padded(self.classifier, images, self.batch, output, precision)
            results.append(answers[:, target])
        return torch.cat(results).double()
