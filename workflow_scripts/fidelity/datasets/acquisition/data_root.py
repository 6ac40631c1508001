"""Find the files of a data set that is not generated: a folder, a zip or a download."""

from pathlib import Path

from fidelity.datasets.acquisition import archive, kaggle
from fidelity.datasets.acquisition.folders import check_root
from fidelity.settings.datasets import Dataset


def locate(settings: Dataset, store: Path) -> Path:
    """Return the folder with the files, absolute; unpack or download them first if necessary.

    Args:
        settings: settings of the data set: `root` (a folder), `archive` (a zip file) or `download:
            kaggle` with `kaggle_dataset`; the first one that is set is used.
        store: folder below which an archive is unpacked; it is kept between runs.

    Raises:
        InputError: the folder or archive does not exist, or the download failed.
    """
    # A job gets only the setting that is used.
    given = getattr(settings, "root", None)
    if not given and getattr(settings, "archive", None):
        return archive.unpack(settings.archive, store).resolve()
    if not given and getattr(settings, "download", None) == "kaggle":
        return kaggle.download(settings.kaggle_dataset).resolve()
    root = Path(given) if given else None
    check_root(root, f"the folder of source {settings.source!r}")
    return root.resolve()
