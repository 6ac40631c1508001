"""Rule acquire: make, link, unpack or download the files of a data-set source; count them."""

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
    """Put the data root of a source at `output_dir`/data and write manifest.json beside it.

    Args:
        settings: of the data set; `root`, `archive` or `download` for sources that have files.
        output_dir: made if absent. `data` is a folder for generated sources, else a link.

    Raises:
        InputError: the files cannot be had, or are not laid out as the source's.
    """
    source = settings.source
    reader, generator = registry.reader(source), registry.generator(source)
    output = Path(output_dir)
    data = output / "data"
    if generator is not None:
        output.mkdir(parents=True, exist_ok=True)
        generator.generate(data, settings, seed)
    else:
        # Beside the output, which Snakemake deletes when a job fails: unpacked once, kept.
        root = data_root.locate(settings, output.parent / UNPACKED)
        output.mkdir(parents=True, exist_ok=True)
        data.unlink(missing_ok=True)
        data.symlink_to(root, target_is_directory=True)
        data = root  # errors name the user's own folder
    # Which classes are annotated is not known here: the index checks their masks.
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
