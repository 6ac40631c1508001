"""Rule acquire: create, link, unpack or download the files of a data-set source; count them."""

import json
import logging
from pathlib import Path

from fidelity.base.files import write_text
from fidelity.base.job_log import run_job
from fidelity.datasets import registry
from fidelity.datasets.acquisition import data_root, listing
from fidelity.datasets.cases import count_labels
from fidelity.settings.datasets import Dataset

UNPACKED = ".unpacked"


def main(settings: Dataset, seed: int, output_dir: str | Path) -> None:
    """Put the data root of a source at `output_dir`/data and write manifest.json next to it.

    Args:
        settings: settings of the data set; `root`, `archive` or `download` for sources with files.
        output_dir: created if absent. `data` is a folder for generated sources, otherwise a link.

    Raises:
        InputError: the files are not available, or do not have the layout of the source.
    """
    source = settings.source
    reader, generator = registry.reader(source), registry.generator(source)
    output = Path(output_dir)
    data = output / "data"
    if generator is not None:
        output.mkdir(parents=True, exist_ok=True)
        generator.generate(data, settings, seed)
    else:
        # Unpack next to the output folder: Snakemake deletes the output of a failed job, and this
        # keeps the unpacked files.
        root = data_root.locate(settings, output.parent / UNPACKED)
        output.mkdir(parents=True, exist_ok=True)
        data_root.link(data, root)
        data = root  # so that errors name the user's own folder
    # The index checks the masks of annotated classes; this rule does not know these classes.
    found = settings.model_copy(update={"annotated_classes": []})
    cases = list(reader.find_cases(data, found))
    counts = count_labels(cases, getattr(reader, "multilabel", False))
    files = listing.image_files(cases)
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
    run_job(main, snakemake, output_dir="output")
