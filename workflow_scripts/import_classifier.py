"""Convert a checkpoint from elsewhere to the project's format."""

import logging

from fidelity.base.job_log import run_job
from fidelity.settings.classifiers import Classifier

log = logging.getLogger(__name__)


def main(
    classes_json: str,
    settings: Classifier,
    image_size: int,
    plugins: list[str],
    out_model: str,
    out_training: str,
) -> None:
    """Load the checkpoint, check that it fits, and save it.

    Args:
        out_training: CSV with only a header, because nothing was trained here.
    """
    from fidelity.analysis.columns.classifiers import TRAINING
    from fidelity.base.files import read_json, write_csv
    from fidelity.classifiers.labels import head_of
    from fidelity.classifiers.weights import own_format
    from fidelity.classifiers.weights.foreign import classifier_of, weights_of

    classes = read_json(classes_json)
    foreign = weights_of(settings, image_size, plugins, settings.trusted)
    _, activation = head_of(settings, classes, foreign.by_name)
    order = foreign.order(settings.classes, classes["classes"], activation)
    names, activation = head_of(
        settings.model_copy(update={"classes": order}), classes, foreign.by_name
    )
    classifier = classifier_of(foreign, names, activation, settings)
    unused = [name for name in names if name not in classes["classes"]]
    if unused and activation == "softmax":
        log.warning(
            "the data set has no class %s, so these outputs do not count. The predicted class of an"
            " image is the most probable one of %s",
            ", ".join(unused),
            ", ".join(classes["classes"]),
        )
    own_format.save(classifier, out_model)
    write_csv(TRAINING.frame(), out_training)


if __name__ == "__main__":
    run_job(main, snakemake, classes_json="classes", out_model="model", out_training="training")
