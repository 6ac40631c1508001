"""ImageNet weights of SqueezeNet 1.1 as a file that `weights:` can name.

    python docs/studies/covid_qu_ex/squeezenet_weights.py squeezenet_v1.1.bin squeezenet1_1.pt

The first file is `models/squeezenet_v1.1.bin` of the repository github.com/nihui/ncnn-assets,
the authors' Caffe weights in float16. Each convolution there is a tag, its kernels and its biases
(float32), in the order of the network. Caffe's network takes blue, green, red from 0 to 255 minus a
mean. Torchvision's takes red, green, blue with ImageNet's mean and std: the first layer is changed
so that both compute the same.

The result is checked on two pictures of scikit-image before it is written: `chelsea` must have a
cat and `coffee` a cup or espresso among the first five classes.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from skimage import data
from torch import nn
from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

HALF = 0x01306B47
# Mean of Caffe's model for red, green, blue, of values from 0 to 255.
CAFFE_MEAN = torch.tensor([123.0, 117.0, 104.0])
SEEN = {"chelsea": ("cat",), "coffee": ("cup", "espresso")}


def read(file: Path) -> nn.Module:
    """Read the weights into torchvision's network.

    Raises:
        ValueError: the file is not that of SqueezeNet 1.1 in float16.
    """
    network = squeezenet1_1().eval()
    content, place = file.read_bytes(), 0
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    for layer in convolutions:
        if int.from_bytes(content[place : place + 4], "little") != HALF:
            raise ValueError(f"{file}: no float16 weights at byte {place}")
        kernel = np.frombuffer(content, "<f2", layer.weight.numel(), place + 4)
        place += 4 + -(-kernel.nbytes // 4) * 4
        bias = np.frombuffer(content, "<f4", layer.bias.numel(), place)
        place += bias.nbytes
        layer.weight.data = torch.tensor(kernel.astype(np.float32)).view_as(layer.weight)
        layer.bias.data = torch.tensor(bias)
    if place != len(content):
        raise ValueError(f"{file}: {len(content) - place} bytes are left")
    preprocess = SqueezeNet1_1_Weights.IMAGENET1K_V1.transforms()
    std, mean = (255 * torch.tensor(values) for values in (preprocess.std, preprocess.mean))
    first = convolutions[0]
    kernel = first.weight.data.flip(1)
    first.bias.data += torch.einsum("ochw,c->o", kernel, mean - CAFFE_MEAN)
    first.weight.data = kernel * std[:, None, None]
    return network


@torch.inference_mode()
def first_five(network: nn.Module, picture: np.ndarray) -> list[str]:
    """Name the five classes with the highest outputs."""
    weights = SqueezeNet1_1_Weights.IMAGENET1K_V1
    image = torch.from_numpy(picture.copy()).permute(2, 0, 1)
    outputs = network(weights.transforms()(image)[None])[0]
    return [weights.meta["categories"][i] for i in outputs.topk(5).indices]


def main(source: str, output: str) -> None:
    """Read, check, write."""
    network = read(Path(source))
    for picture, wanted in SEEN.items():
        found = first_five(network, getattr(data, picture)())
        print(f"{picture}: {', '.join(found)}")
        if not any(word in name for name in found for word in wanted):
            sys.exit(f"{picture} is not recognised: {output} is not written")
    torch.save(network.state_dict(), output)
    print(f"written: {output}")


if __name__ == "__main__":
    main(*sys.argv[1:])
