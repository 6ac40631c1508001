"""Download a data set with Kaggle's own client.

The client handles the credentials: it looks for them in the environment and in its own files. They
appear neither in the config nor in the params or logs of a rule. No error text of the client is
repeated, because it may quote an address that grants access.
"""

import logging
import tarfile
import zipfile
from pathlib import Path

from fidelity.base.errors import InputError

# The client continues an interrupted download, so another attempt costs little.
ATTEMPTS = 5
REFUSED = (401, 403)
MISSING = 404

log = logging.getLogger(__name__)


def download(dataset: str) -> Path:
    """Download and unpack a data set into the client's cache, unless it is already there.

    The cache is `~/.cache/kagglehub`, or the folder in the variable KAGGLEHUB_CACHE. It keeps the
    part of an interrupted download, which the client continues. If the name has no version, the
    newest version in the cache is used, without network access. If the cache has none, the newest
    version at Kaggle is downloaded.

    Args:
        dataset: `owner/name` or `owner/name/versions/number`.

    Raises:
        InputError: no network, no permission, no such data set, or a damaged download.
    """
    import kagglehub
    import requests
    from kagglehub.exceptions import CredentialError, DataCorruptionError, UnauthenticatedError

    handle = _cached_handle(dataset) or dataset
    for attempt in range(1, ATTEMPTS + 1):
        before = _partial_size(dataset)
        try:
            folder = Path(kagglehub.dataset_download(handle))
        except (UnauthenticatedError, CredentialError):
            raise _refused(dataset) from None
        except requests.HTTPError as error:
            raise _answered(dataset, getattr(error.response, "status_code", None)) from None
        except (requests.RequestException, DataCorruptionError) as error:
            kept = _partial_size(dataset)
            # Without progress, another attempt would end in the same way, unless the client has
            # deleted a file with a wrong checksum.
            damaged = isinstance(error, DataCorruptionError)
            if attempt == ATTEMPTS or (kept <= before and not damaged):
                raise _broken(dataset, type(error).__name__, kept) from None
            log.warning("the download stopped after %.1f MB, trying again", kept / 1e6)
        except (ValueError, zipfile.BadZipFile, tarfile.TarError) as error:
            # The client raises no error of its own for a malformed kaggle.json.
            if "credentials" in str(error):
                raise _refused(dataset) from None
            raise InputError(
                f"the download of {dataset!r} is not a complete archive",
                file=_folder(dataset),
                field="download",
                remedy="Delete the .archive file in this folder and run again",
            ) from None
        except OSError as error:
            raise InputError(
                f"the download cannot be written ({error.strerror or type(error).__name__})",
                file=_cache(),
                field="download",
                remedy="Make room, or set the variable KAGGLEHUB_CACHE to a folder on a larger"
                " disk, and run again",
            ) from None
        else:
            log.info("%s is in %s", handle, folder)
            return folder
    raise AssertionError("unreachable")


def _cache() -> Path:
    from kagglehub.config import get_cache_folder

    return Path(get_cache_folder())


def _folder(dataset: str) -> Path:
    owner, name = dataset.split("/")[:2]
    return _cache() / "datasets" / owner / name


def _cached_handle(dataset: str) -> str | None:
    """Return the newest version that was downloaded completely; the client marks these."""
    if dataset.count("/") != 1:
        return None
    done = [path.stem for path in _folder(dataset).glob("*.complete")]
    numbers = [
        int(stem)
        for stem in done
        if stem.isdecimal() and (_folder(dataset) / "versions" / stem).is_dir()
    ]
    return f"{dataset}/versions/{max(numbers)}" if numbers else None


def _partial_size(dataset: str) -> int:
    return sum(path.stat().st_size for path in _folder(dataset).glob("*.archive"))


def _by_hand(dataset: str) -> str:
    owner, name = dataset.split("/")[:2]
    return (
        f"open https://www.kaggle.com/datasets/{owner}/{name} in a browser and click 'Download'."
        " Then set 'archive: <the .zip>' (or unpack it and set 'root: <the folder>') instead of"
        " 'download: kaggle'"
    )


def _refused(dataset: str) -> InputError:
    return InputError(
        f"Kaggle requires credentials for {dataset!r}, but no valid ones were found",
        field="download",
        remedy="At kaggle.com, click your picture, 'Settings', 'API', and create a token. Save it"
        " as ~/.kaggle/access_token (an older kaggle.json as ~/.kaggle/kaggle.json), or set the"
        " variable KAGGLE_API_TOKEN (older: KAGGLE_USERNAME and KAGGLE_KEY). Never write it into"
        f" the config. Or {_by_hand(dataset)}",
    )


def _answered(dataset: str, status: int | None) -> InputError:
    if status in REFUSED:
        return _refused(dataset)
    if status == MISSING:
        return InputError(
            f"Kaggle has no data set {dataset!r}",
            field="kaggle_dataset",
            remedy="Check the name: write owner/name as in the address of the page. Add"
            " /versions/<number> to choose a version",
        )
    return InputError(
        f"Kaggle answered with an error (HTTP {status}) for {dataset!r}",
        field="download",
        remedy=f"Try again later. Or {_by_hand(dataset)}",
    )


def _broken(dataset: str, kind: str, kept: int) -> InputError:
    got = f"after {kept / 1e6:.1f} MB, which are kept" if kept else "before it began"
    return InputError(
        f"the download of {dataset!r} failed {got} ({kind})",
        field="download",
        remedy="Check the network and run again: the download continues where it stopped. Compute"
        " nodes often have no network; run snakemake --until acquire on a node that has one. Or"
        f" {_by_hand(dataset)}",
    )
