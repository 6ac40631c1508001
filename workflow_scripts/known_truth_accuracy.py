"""Apply a classifier to images as they are, with the planted mark erased, and with it planted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job


def main(
    prepared: Sequence[str],
    raw_dir: str,
    model: str,
    classes_json: str,
    mark_class: str,
    compute: dict[str, Any],
    plugins: Sequence[str],
    output: str,
    planted: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    cases: str = "",
    lung_model: str = "",
    lung: Mapping[str, Any] | None = None,
) -> None:
    """Write how far the classifier depends on the planted mark.

    Args:
        planted: the mark that the config plants in a data set; None for a phantom with a shortcut.
        lung_model: output of `fit_lung_model`, if the lung masks are predicted; otherwise empty.
        lung: settings of this lung model; see `prepare`.
    """
    import cv2
    import numpy as np
    import pandas as pd

    from fidelity.base.compute import configure
    from fidelity.base.errors import InputError
    from fidelity.base.files import read_json, write_csv
    from fidelity.classifiers.predict import predict_logits
    from fidelity.classifiers.weights.own_format import load
    from fidelity.datasets.images.squares import resize_image
    from fidelity.datasets.prepared import cases_in
    from fidelity.datasets.sources.phantom.retouch import retouch
    from fidelity.known_truth.dependence import dependence

    cv2.setNumThreads(1)
    labels = read_json(classes_json)["labels"]
    classifier = load(model, plugins=list(plugins)).to(configure(compute))
    shown = {case.case: case for case in cases_in(prepared)}
    root = Path(raw_dir) / "data"
    retouched = retouch(root, shown)
    if planted:
        from fidelity.datasets import planted as planting
        from fidelity.datasets.cases import read_cases
        from fidelity.segmentation.lungs import predictor
        from fidelity.settings.datasets import Dataset

        predict = None
        if lung_model:
            predict = predictor(Path(lung_model), lung["components"], lung["compute"])
        entry = Dataset.of_job(settings)
        retouched = planting.retouch(read_cases(cases), shown, root, entry, predict)
    truth, marked, images = [], [], []
    for made in retouched:
        case = shown[made.case]
        kinds = (made.as_is, made.erased, made.planted)
        working = [resize_image(image, len(case.image)) for image in kinds]
        if not np.array_equal(working[0], case.image):
            raise InputError(
                "the generated image differs from the prepared one",
                file=root,
                field=case.case,
                remedy="Delete the folder and run again",
            )
        truth.append(labels[case.labels[0]])
        marked.append(made.marked)
        images.append(working)
    if not truth:
        raise InputError("the test split has no images", file=root, remedy="Raise cases.test")
    names = np.array(classifier.classes)
    said = [
        names[predict_logits(classifier, np.stack(kind), compute["batch"]).argmax(1)]
        for kind in zip(*images, strict=True)
    ]
    found = dependence(np.array(truth), np.array(marked), *said, labels[mark_class])
    write_csv(pd.DataFrame([found]), output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, raw_dir="raw", classes_json="classes")
