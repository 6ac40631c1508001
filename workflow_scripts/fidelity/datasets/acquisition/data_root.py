"""Where the files of a data set that is not generated come from: a folder, a zip, a download."""

from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition import archive, kaggle
from fidelity.settings.datasets import Dataset


def locate(settings: Dataset, store: Path) -> Path:
    """Give the folder with the files, absolute, after unpacking or downloading them if need be.

    Args:
        settings: of the data set: `root` (a folder), `archive` (a zip file) or `download: kaggle`
            with `kaggle_dataset`; the first that is set counts.
        store: folder below which an archive is unpacked, kept between runs.

    Raises:
        InputError: there is no such folder or archive, or the download failed.
    """
    root = getattr(settings, "root", None)
    if not root and getattr(settings, "archive", None):
        return archive.unpack(settings.archive, store).resolve()
    if not root and getattr(settings, "download", False) == "kaggle":
        return kaggle.download(settings.kaggle_dataset).resolve()
    if not root or not Path(root).is_dir():
        raise InputError(
            "the data root does not exist",
            file=root,
            field="root",
            remedy=f"Set 'root' of the data set of source {settings.source!r} to its folder",
        )
    return Path(root).resolve()
