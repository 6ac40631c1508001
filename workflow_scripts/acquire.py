"""Rule acquire: make or link the files of a data-set source, and count them."""

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

from fidelity.datasets import registry
from fidelity.errors import InputError
from fidelity.files import write_text
from fidelity.joblog import job_log


def main(source: str, settings: dict[str, Any], seed: int, output_dir: str | Path) -> None:
    """Put the data root of a source at `output_dir`/data and write manifest.json beside it.

    Args:
        source: name in the registry.
        settings: of the data set; `root` for sources that lie in a folder.
        seed: of the config, for generated sources.
        output_dir: made if absent. `data` is a folder for generated sources, else a link.

    Raises:
        InputError: the root does not exist or does not hold the source's layout.
    """
    reader, generator = registry.reader(source), registry.generator(source)
    output = Path(output_dir)
    data = output / "data"
    if generator is not None:
        output.mkdir(parents=True, exist_ok=True)
        generator.generate(data, settings, seed)
    else:
        root = Path(settings.get("root") or "").resolve()
        if not settings.get("root") or not root.is_dir():
            raise InputError(
                "the data root does not exist",
                file=settings.get("root"),
                field="root",
                remedy=f"Set 'root' of the data set of source {source!r} to its folder",
            )
        output.mkdir(parents=True, exist_ok=True)
        data.unlink(missing_ok=True)
        data.symlink_to(root, target_is_directory=True)
    cases = list(reader.find_cases(data, settings))
    counts = Counter((case.split, "|".join(case.labels)) for case in cases)
    files = {
        path
        for case in cases
        for path in (
            case.image,
            case.lung_mask,
            *case.masks.values(),
            *case.second_masks.values(),
        )
        if path
    }
    sizes = [(data / path).stat().st_size for path in files if (data / path).is_file()]
    manifest = {
        "source": source,
        "cases": {f"{split}/{label}": count for (split, label), count in sorted(counts.items())},
        "files": len(sizes),
        "bytes": sum(sizes),
    }
    write_text(output / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    logging.info("%s: %d cases, %.1f MB", source, len(cases), sum(sizes) / 1e6)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            source=snakemake.params.source,
            settings=snakemake.params.settings,
            seed=snakemake.params.seed,
            output_dir=snakemake.output[0],
        )
