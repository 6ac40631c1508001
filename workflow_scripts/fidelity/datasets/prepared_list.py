"""The list of a data set's prepared shards, which every job that scores maps reads.

A full study has hundreds of such jobs and over a hundred shards. If each shard were an input of
each job, Snakemake would spend most of its planning time on them. The list contains digests. So it
changes when a shard changes, and those jobs are rerun.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.base.files import content_hash, read_json, write_text


def write_list(prepared: Iterable[str | Path], classes: str | Path, output: str | Path) -> None:
    """Write the list: the content of classes.json, and `shards`, {name: digest of the file}.

    Args:
        prepared: the shards, in the folder of `output` or one below it; their order is kept.
        output: the list, byte-identical for equal shards and classes.
    """
    said = read_json(classes)
    folder = Path(output).parent
    said["shards"] = {
        Path(path).relative_to(folder).with_suffix("").as_posix(): content_hash(path)
        for path in prepared
    }
    write_text(output, json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def listed(path: str | Path) -> list[str]:
    """Return the paths of the shards in a list that `write_list` wrote, in their order.

    Raises:
        InputError: the file is not such a list, or a shard is missing.
    """
    try:
        names = list(json.loads(Path(path).read_text(encoding="utf-8"))["shards"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"is not a list of prepared shards ({error})",
            file=path,
            remedy="Delete it and run again",
        ) from error
    shards = [Path(path).parent / f"{name}.h5" for name in names]
    for shard in shards:
        # Snakemake sees only the list of the shards: if it is deleted, they are recomputed.
        if not shard.is_file():
            raise InputError(
                f"the prepared shard {shard.name} is missing",
                file=path,
                remedy="Delete it and run again",
            )
    return [str(shard) for shard in shards]
