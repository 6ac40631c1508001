"""Where the files of a data set that is not generated come from: a folder, a zip, a download."""

from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition import archive, kaggle


def locate(source: str, settings: dict[str, Any], store: Path) -> Path:
    """Give the folder with the files, after unpacking or downloading them if need be.

    Args:
        source: name in the registry, for errors.
        settings: `root` (a folder), `archive` (a zip file) or `download: kaggle` with
            `kaggle_dataset`; the first that is set counts.
        store: folder below which an archive is unpacked, kept between runs.

    Returns:
        The folder, absolute.

    Raises:
        InputError: there is no such folder or archive, or the download failed.
    """
    root = settings.get("root")
    if not root and settings.get("archive"):
        return archive.unpack(settings["archive"], store).resolve()
    if not root and settings.get("download") == "kaggle":
        return kaggle.download(settings["kaggle_dataset"]).resolve()
    if not root or not Path(root).is_dir():
        raise InputError(
            "the data root does not exist",
            file=root,
            field="root",
            remedy=f"Set 'root' of the data set of source {source!r} to its folder",
        )
    return Path(root).resolve()
