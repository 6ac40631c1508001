"""Explain one image with a trained classifier: `make explain IMAGE=chest.png`.

Not a rule: it reads the results of a study and changes nothing.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fidelity.base.errors import InputError
from fidelity.presentation.wording import value_of
from fidelity.settings.reading import load_file

if TYPE_CHECKING:
    from fidelity.tools.one_image.trained import Trained


def main(
    image: str,
    config: str = "config/config.yaml",
    overrides: list[str] | None = None,
    dataset: str | None = None,
    classifier: str | None = None,
    explainer: str | None = None,
    target: str | None = None,
    lung: str | None = None,
    out: str | None = None,
    folder: str = ".",
) -> list[Path]:
    """Print the probabilities; write an overlay (.png) and the map (.npy) per explainer.

    Returns:
        The written files: <image>-<explainer>.png and .npy. The latter holds float32 attributions
        (H, W) at the image's size, in the explainer's own unit and sign.

    Raises:
        InputError: see `fidelity.tools.one_image`.
    """
    # No file check: only the results are needed, so the study's images may be gone.
    loaded = load_file(config, overrides or (), check_files=False)
    for path, field in ((image, "IMAGE"), (lung, "LUNG")):
        if path is not None and not Path(path).is_file():
            raise InputError(
                "the file does not exist",
                file=path,
                field=field,
                remedy="Correct the path; it is relative to the folder you start from",
            )
    from fidelity.presentation.titles import display, showing
    from fidelity.tools.one_image.trained import choose

    trained = choose(loaded, config, Path(folder), dataset, classifier)
    trained.model()  # before torch is imported: reports an untrained study at once
    with showing(display(trained.study, trained.dataset)):
        return _explained(trained, image, explainer, target, lung, out)


def _explained(
    trained: "Trained",
    image: str,
    explainer: str | None,
    target: str | None,
    lung: str | None,
    out: str | None,
) -> list[Path]:
    """Explain the image, print the probabilities and write the files; see `main`."""
    import numpy as np

    from fidelity.base.files import atomic_path
    from fidelity.figures.shared import style
    from fidelity.presentation.titles import classifier_title, dataset_title, explainer_title
    from fidelity.tools.one_image import overlay
    from fidelity.tools.one_image.explain import explain_image

    found = explain_image(
        trained, Path(image), explainer, target, None if lung is None else Path(lung)
    )
    print(f"{image}: {dataset_title(trained.dataset)}, {classifier_title(trained.classifier)}")
    for name, probability in found.probabilities.items():
        explained = "  (explained)" if name == found.target else ""
        print(f"  {name:<20} {value_of('probability', probability)}{explained}")
    folder = Path("explained") / found.name if out is None else Path(out)
    written = []
    for answer in found.answers:
        stem = folder / f"{found.name}-{answer.explainer}"
        title = overlay.title_of(
            found.name, answer.explainer, found.target, found.probabilities[found.target]
        )
        drawn = overlay.draw(
            found.image,
            answer.heat,
            answer.mask,
            title,
            answer.rule,
            answer.boxes,
            found.reference,
        )
        png, npy = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.npy")
        style.save(drawn, [str(png)], trained.config.figures.dpi)
        with atomic_path(npy) as temporary:
            np.save(temporary, answer.raw, allow_pickle=False)
        written += [png, npy]
    for name, reason in found.left_out.items():
        print(f"  {explainer_title(name)} is left out: {reason}")
    for path in written:
        print(f"  {path}")
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", help="the image's file (PNG, JPEG, TIFF, BMP, WebP, DICOM)")
    parser.add_argument(
        "--configfile",
        dest="config",
        default="config/config.yaml",
        help="config of a study that has been run (default: %(default)s)",
    )
    parser.add_argument(
        "--config",
        dest="overrides",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="keys of the config to override, as for Snakemake",
    )
    for option, meaning in {
        "dataset": "data set of the config (default: the first)",
        "classifier": "classifier of the config (default: the first)",
        "explainer": "explainer of the config (default: all that can explain one image)",
        "target": "class to explain (default: the most probable)",
        "lung": "file of the lung mask, for explainers and inputs that need one",
        "out": "folder of the overlays and maps (default: explained/<image>)",
    }.items():
        parser.add_argument(f"--{option}", help=meaning)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        main(**vars(parser.parse_args()))
    except InputError as error:
        sys.exit(str(error))
