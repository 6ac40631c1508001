"""Explain one image with a trained classifier: `make explain IMAGE=chest.png`.

Not a rule: it reads the results of a study and changes nothing.
"""

import argparse
import logging
import sys
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.presentation.wording import value_of
from fidelity.settings.reading import load_file


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
        The written files: <image>-<explainer>.png and .npy, in `out` or in
        `explained/<path of the image>/`. The latter holds float32 attributions (H, W) at the
        image's size, in the explainer's own unit and sign.

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
    from fidelity.presentation import titles
    from fidelity.tools.one_image.trained import choose

    trained = choose(loaded, config, Path(folder), dataset, classifier)
    trained.model()  # before torch is imported: reports an untrained study at once
    import numpy as np

    from fidelity.base.files import atomic_path
    from fidelity.figures.shared import style
    from fidelity.tools.one_image import overlay
    from fidelity.tools.one_image.explain import explain_image

    written = []
    with titles.showing(titles.display(trained.study, trained.dataset)):
        found = explain_image(
            trained, Path(image), explainer, target, None if lung is None else Path(lung)
        )
        of = titles.dataset_title(trained.dataset), titles.classifier_title(trained.classifier)
        print(f"{image}: {', '.join(of)}")
        for name, probability in found.probabilities.items():
            explained = "  (explained)" if name == found.target else ""
            print(f"  {name:<20} {value_of('probability', probability)}{explained}")
        for answer in found.answers:
            stem = Path(out or _folder(image)) / f"{found.name}-{answer.explainer}"
            png, npy = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.npy")
            style.save(overlay.draw(found, answer), [str(png)], trained.config.figures.dpi)
            with atomic_path(npy) as temporary:
                np.save(temporary, answer.raw, allow_pickle=False)
            written += [png, npy]
        for name, reason in found.left_out.items():
            print(f"  {titles.explainer_title(name)} is left out: {reason}")
    for path in written:
        print(f"  {path}")
    return written


def _folder(image: str) -> Path:
    """Name a folder after the path as given: images of several patients often share a name."""
    path = Path(image)
    parts = [part for part in path.parent.parts if part not in (path.anchor, "..")]
    return Path("explained", *parts, path.stem)


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
        "out": "folder of the overlays and maps (default: explained/<path of the image>)",
    }.items():
        parser.add_argument(f"--{option}", help=meaning)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        main(**vars(parser.parse_args()))
    except InputError as error:
        sys.exit(str(error))
