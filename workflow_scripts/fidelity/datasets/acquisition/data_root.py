"""Find the files of a data set that is not generated: a folder, a zip or a download."""

import os
from contextlib import suppress
from pathlib import Path

from fidelity.base.files import MARK
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


def link(data: Path, root: Path) -> None:
    """Let `data` be a link to a data root.

    An unpacked archive is below the results. The link to it is relative, so that it is valid where
    the results are moved.
    """
    around = data.parent.parent.resolve()
    if root.is_relative_to(around):
        root = Path(os.path.relpath(root, data.parent.resolve()))
    data.unlink(missing_ok=True)
    data.symlink_to(root, target_is_directory=True)


def correct_link(data: Path, root: Path | None) -> None:
    """Let the link of finished results lead to the config's root again; its times stay.

    The project or its results were moved or copied. The link would still lead to the former place,
    whose files may be gone or may have changed.

    Args:
        root: the folder in the config; None or a file (an archive) changes nothing.
    """
    if root is None or not root.is_dir() or not data.is_symlink():
        return
    if data.resolve() == root.resolve():
        return
    new = data.with_name(f".{data.name}.{os.getpid()}.{MARK}")
    # Nothing can be computed in results that cannot be written.
    with suppress(OSError):
        times = [(path, path.lstat()) for path in (data, data.parent)]
        new.symlink_to(root.resolve(), target_is_directory=True)
        new.replace(data)
        for path, stat in times:
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns), follow_symlinks=False)
