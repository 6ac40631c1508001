import numpy as np
import pytest
import torch

from fidelity.maps.resize import bilinear


@pytest.mark.parametrize(
    ("old", "new"),
    [((7, 7), (256, 256)), ((320, 320), (232, 283)), ((14, 9), (225, 301)), ((1, 1), (5, 4))],
)
def test_equals_torch(old, new):
    values = np.random.default_rng(0).standard_normal(old).astype(np.float32)
    tensor = torch.from_numpy(values)[None, None]
    expected = torch.nn.functional.interpolate(
        tensor, size=new, mode="bilinear", align_corners=False
    )[0, 0].numpy()
    found = bilinear(values, new)
    assert found.dtype == np.float32
    assert found.shape == new
    if old == (1, 1):  # torch uses other code here, which rounds differently.
        assert found == pytest.approx(expected, rel=1e-6)
    else:
        assert np.array_equal(found, expected)
