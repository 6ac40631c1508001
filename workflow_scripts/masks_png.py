"""Write predicted masks as PNG images in the data set's own layout."""

import hashlib
from pathlib import Path, PurePosixPath

from PIL import Image

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import Case, read_cases
from fidelity.masks.run_lengths import decode, read_masks

FOLDER = "predicted masks"
LONGEST = 200  # bytes of a file name without its suffix


def main(masks: str, cases_csv: str, output_dir: str) -> None:
    """Write one 8-bit image with values 0 and 255 per predicted mask.

    Raises:
        InputError: a mask has an unknown case, a path in a table leads out of the data root, or two
            cases would share a file.
    """
    cases = {case.case: case for case in read_cases(cases_csv)}
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[PurePosixPath, str] = {}
    for name, by_class in read_masks(masks).items():
        if name not in cases:
            raise InputError(
                "the case is not in the case table",
                file=masks,
                field=name,
                remedy="Delete the masks and run again",
            )
        for cls, rle in by_class.items():
            path = target(cases[name], cls, alone=len(by_class) == 1)
            if written.setdefault(path, name) != name:
                raise InputError(
                    f"the masks of the cases {written[path]!r} and {name!r} would both be {path}",
                    file=cases_csv,
                    field="case",
                    remedy='Rename one: "/" in an id becomes "_" in the name of its file',
                )
            with atomic_path(folder / path) as temporary:
                Image.fromarray(decode(rle).astype("uint8") * 255).save(temporary)


def target(case: Case, cls: str, *, alone: bool) -> PurePosixPath:
    """Choose the path of a mask below the output folder; `alone`: the only mask of its case.

    Returns:
        For an image in a folder "images": the same name in the folder "predicted masks" next to it,
        as COVID-QU-Ex places its own masks. Otherwise, or with several masks:
        split/class/case.png.
    """
    image = PurePosixPath(case.image)
    if alone and image.parent.name == "images" and not image.is_absolute():
        return image.parent.parent / FOLDER / f"{image.stem}.png"
    return PurePosixPath(case.split) / file_name(cls) / f"{file_name(case.case)}.png"


def file_name(text: str) -> str:
    """Turn an id or a class into a file name: "/" becomes "_"; cut long names but keep them unique.

    A file name has at most 255 bytes, and one character may take four of them.
    """
    name = text.replace("/", "_")
    if len(name.encode()) > LONGEST:
        digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        return f"{name.encode()[: LONGEST - 16].decode(errors='ignore')}-{digest}"
    return "_" * len(name) if name in {".", ".."} else name


if __name__ == "__main__":
    run_job(main, snakemake, cases_csv="cases", output_dir="output")
