"""Where the files of a data set that is not generated come from: a folder, a zip, a download."""

from pathlib import Path

from fidelity.datasets.acquisition import archive, kaggle
from fidelity.datasets.acquisition.folders import check_root
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
    # A job is given only the one that is set.
    given = getattr(settings, "root", None)
    if not given and getattr(settings, "archive", None):
        return archive.unpack(settings.archive, store).resolve()
    if not given and getattr(settings, "download", None) == "kaggle":
        return kaggle.download(settings.kaggle_dataset).resolve()
    root = Path(given) if given else None
    check_root(root, f"the folder of source {settings.source!r}")
    return root.resolve()
