"""The image size that a weights file requires is read from its header, or left open."""

import pytest
import timm
import torch
from torchvision.models import VisionTransformer

from fidelity.classifiers.weights.header import fixed_size


def small_vit(side: int) -> torch.nn.Module:
    return VisionTransformer(side, 8, 1, 2, 16, 16, num_classes=2)


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: small_vit(48), 48),
        (lambda: timm.create_model("test_vit", img_size=96), 96),
        # The patch kernel has 7 px and a stride of 4: positions times kernel would give 392.
        (lambda: timm.create_model("hiera_tiny_224"), None),
        # Patches are 1 × 1 cells of ResNet features: positions times kernel would give 14.
        (lambda: timm.create_model("vit_tiny_r_s16_p8_224"), None),
    ],
)
def test_sizes_of_position_embeddings(tmp_path, make, size):
    torch.save({"model": make().state_dict()}, tmp_path / "net.pt")
    assert fixed_size(tmp_path / "net.pt") == size


def test_two_sets_of_weights_in_a_file_have_one_size(tmp_path):
    one, other = small_vit(32).state_dict(), small_vit(32).state_dict()
    torch.save({"model": one, "model_ema": other}, tmp_path / "net.pt")
    assert fixed_size(tmp_path / "net.pt") == 32
