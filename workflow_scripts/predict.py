"""Apply a classifier to prepared cases."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job

log = logging.getLogger(__name__)


def main(
    prepared: Sequence[str],
    model: str,
    classes_json: str,
    compute: dict[str, Any],
    plugins: list[str],
    output: str,
) -> None:
    """Write logits and probabilities of every case and class of the data set.

    Args:
        prepared: prepared shards; their number and order do not affect the output.
        classes_json: classes.json of the data set; gives classes and their order.
        compute: threads, batch, device, dtype (float32 unless it is bfloat16).
        output: predictions.csv, sorted by split and case.
    """
    import torch

    from fidelity.analysis.columns.classifiers import PREDICTIONS
    from fidelity.base.compute import configure
    from fidelity.base.files import read_json, write_csv
    from fidelity.classifiers.labels import known_matrix, label_matrix
    from fidelity.classifiers.predict import predict_logits
    from fidelity.classifiers.weights import own_format
    from fidelity.datasets.prepared import PreparedShard

    classes = read_json(classes_json)
    names = classes["classes"]
    device = configure(compute)
    classifier = own_format.load(model, plugins=plugins).to(device)
    columns = [classifier.index_of(name) for name in names]
    # float32 by default, because explanations are computed in float32 and must agree with
    # predictions.
    dtype = "bfloat16" if compute.get("dtype") == "bfloat16" else "float32"
    rows = []
    for path in prepared:
        with PreparedShard(path) as shard:
            logits = predict_logits(classifier, shard.images, int(compute["batch"]), dtype)
            cases = list(shard)
        probabilities = classifier.probabilities(torch.from_numpy(logits)).numpy()
        labels = label_matrix([case.labels for case in cases], classes)
        known = known_matrix(
            [case.labels for case in cases], [case.uncertain for case in cases], classes
        )
        for index, case in enumerate(cases):
            for place, (name, column) in enumerate(zip(names, columns, strict=True)):
                rows.append(
                    (
                        case.case,
                        case.patient,
                        case.split,
                        name,
                        int(labels[index, place]) if known[index, place] else None,
                        float(logits[index, column]),
                        float(probabilities[index, column]),
                    )
                )
        log.info("%s: %d cases", Path(path).name, len(cases))
    rows.sort(key=lambda row: (row[2], row[0], names.index(row[3])))
    table = PREDICTIONS.frame(rows)
    # Nullable integers: the label of an uncertain finding becomes an empty cell.
    write_csv(table.astype({"label": "Int64"}), output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, classes_json="classes")
