"""Write docs/cam_layers.md: the layer that `layer: auto` reads in each family of networks.

One network of each family of torchvision and timm is built with random weights and probed, in a
process of its own with limited time and memory. It takes about half an hour on one core and
downloads nothing. Rows that are already in the page are kept, so that an interrupted run can
continue; with `--again`, all are rerun. Names of architectures as arguments limit the run to these.
"""

import argparse
import multiprocessing
import re
import resource
import sys
import warnings
from pathlib import Path

import timm
import torch
import torchvision
from timm.models._registry import _model_to_module
from torchvision.models import list_models

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity.base.errors import InputError  # noqa: E402
from fidelity.classifiers.architectures import build  # noqa: E402
from fidelity.classifiers.cam_layers.choose import ENOUGH, CamLayer, find_cam_layer  # noqa: E402
from fidelity.classifiers.model import Classifier  # noqa: E402

PAGE = ROOT / "docs" / "cam_layers.md"
SIZES = (64, 224, 240, 256)
SECONDS, BYTES = 300, 8 * 2**30
SMALL = ("atto", "femto", "pico", "nano", "zepto", "xxs", "xxt", "xs", "xx", "micro", "mini")
SMALL += ("tiny", "small", "ti", "xt", "t", "s", "b")
# First words of names that do not stand for a family.
NO_FAMILY = ("test", "tf", "gc", "eca", "dm", "wide", "legacy")
# The start of the reason of a refusal, and the word for it in the page.
REASONS = {
    "information bypasses": "bypass",
    "no late layer": "no places",
    "no gradient": "no gradient",
}
TEXT = """\
# Reference: the layer that a class activation map reads, by family

This page lists the layer that `layer: auto` chooses. `docs/write_cam_layers.py` tested one small
network of each family, with random weights (torchvision {torchvision}, timm {timm}).
[models.md](models.md#layers-of-class-activation-maps) describes the
test. {found} of the {tested} tested families have a layer. The table also lists {untested} that
could not be tested. Other families were not tried.

- *Family*: the package and its module. For timm, the start of the network's name follows, up to
  its first digit or underscore: `convnextv` is ConvNeXt V2. The module `swin_transformer`
  of torchvision has a second row for Swin v2.
- *Size*: side of the image in pixels; the first of {sizes} that the network takes.
- *Layer*: the name of the layer that `layer: auto` reads. *refused*: no late layer passes the test,
  for the reason given. Use an explainer that only calls the classifier, such as `lime`. Or name an
  earlier layer; it is then tested.
  - *bypass*: for every late layer whose cells belong to places of the image, some information
    reaches the output without passing through this layer;
  - *no places*: in every late layer, the cells do not belong to places of the image;
  - *no gradient*: no gradient of the logits reaches the layer.
- *Layout*: whether the channels come before or after the positions. `tokens, 1 before the grid`: a
  list of patches. The first token, which is not a patch, is dropped.
- *Grid*: positions (height × width) at that size. Images of other sizes have other grids.

| family | network | size | layer | layout | grid |
|---|---|---|---|---|---|
{rows}
"""


def networks() -> dict[str, str]:
    """Choose one small network of each family: {family: architecture}."""
    families: dict[str, list[str]] = {}
    for name in list_models(module=torchvision.models):
        module = torchvision.models.get_model_builder(name).__module__.rpartition(".")[2]
        if name.startswith("swin_v2"):
            module += " v2"
        families.setdefault(f"torchvision {module}", []).append(name)
    for name in timm.list_models():
        start = re.match(r"[a-z]+", name)[0]
        if start not in NO_FAMILY:
            family = f"timm {_model_to_module[name]}: {start}"
            families.setdefault(family, []).append(f"timm:{name}")
    return {family: min(names, key=_size_of) for family, names in sorted(families.items())}


def _size_of(architecture: str) -> tuple:
    """Order variants by the size in their names."""
    words = re.split(r"[_:]", architecture)
    rank = next((i for i, word in enumerate(SMALL) if any(w == word for w in words)), len(SMALL))
    numbers = [int(number) for number in re.findall(r"\d+", architecture)]
    return rank, len(words), numbers, architecture


def row_of(architecture: str) -> str:
    """Build and probe a network; return the cells of its row, starting with the name."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    torch.set_num_threads(1)
    for size in SIZES:
        torch.manual_seed(0)
        try:
            network = build(architecture, 2, image_size=size)
            classifier = Classifier(network, architecture, ("a", "b"), image_size=size).eval()
            with torch.no_grad():
                classifier(torch.zeros(1, 3, size, size))
        except Exception as error:  # the error for an unsuitable size differs by network
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            continue
        try:
            return _cells(architecture, size, find_cam_layer(classifier))
        except InputError as error:
            if ENOUGH not in error.problem:
                return f"`{architecture}` | {size} | refused: {_short(error)} | - | -"
            reason = error.problem
    reason = "out of memory" if "alloc" in reason else "the network did not run"
    return f"`{architecture}` | - | not tested: {reason} | - | -"


def _cells(architecture: str, size: int, layer: CamLayer) -> str:
    layout = getattr(layer.reshape, "__self__", "channels first")
    grid = "{} × {}".format(*layer.size)
    return f"`{architecture}` | {size} | `{layer.name}` | {layout} | {grid}"


def _short(error: InputError) -> str:
    """Name the reason in a word that the page explains."""
    why = error.problem.rpartition(" px: ")[2]
    return next((word for start, word in REASONS.items() if why.startswith(start)), why)


def _work(architecture: str, sent: object) -> None:
    try:
        sent.send(row_of(architecture))
    except Exception as error:
        sent.send(f"`{architecture}` | - | not tested: {type(error).__name__} | - | -")


def probed(architecture: str) -> str:
    """Run `row_of` in a process of its own."""
    context = multiprocessing.get_context("fork")
    received, sent = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(architecture, sent))
    process.start()
    sent.close()
    try:
        cells = received.recv()
    except EOFError:
        cells = f"`{architecture}` | - | not tested: over {SECONDS} s or out of memory | - | -"
    process.join()
    return cells


def read() -> dict[str, str]:
    """Read the rows of the existing page: {family: cells}."""
    if not PAGE.exists():
        return {}
    rows = re.findall(r"^\| (t\w+ .+?) \| (`.+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    return dict(rows)


def write(rows: dict[str, str]) -> None:
    """Write the page."""
    lines = [f"| {family} | {rows[family]} |" for family in sorted(rows)]
    text = TEXT.format(
        torchvision=torchvision.__version__.partition("+")[0],
        timm=timm.__version__,
        sizes=", ".join(map(str, SIZES)),
        found=sum("refused" not in cells and "not tested" not in cells for cells in rows.values()),
        tested=sum("not tested" not in cells for cells in rows.values()),
        untested=sum("not tested" in cells for cells in rows.values()),
        rows="\n".join(lines),
    )
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    """Probe what is not in the page yet, and write the page after each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="rerun the rows that are there")
    parser.add_argument("architectures", nargs="*", help="these alone")
    arguments = parser.parse_args()
    chosen, rows = networks(), read()
    rows = {family: cells for family, cells in rows.items() if family in chosen}
    for family, architecture in chosen.items():
        named = architecture in arguments.architectures
        done = f"`{architecture}` " in rows.get(family, "")
        if named or (not arguments.architectures and (arguments.again or not done)):
            rows[family] = probed(architecture)
            print(f"{family} | {rows[family]}", flush=True)
            write(rows)


if __name__ == "__main__":
    main()
