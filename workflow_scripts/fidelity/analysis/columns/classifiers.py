"""Tables of how well the classifiers, and the network that segments the lungs, perform."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Column, Table, count, number, text
from fidelity.study import paths

_HEAD = (common.DATASET, common.SPLIT, common.CLASSIFIER)
_AUC = "one against the rest"

PREDICTIONS = Table(
    paths.PREDICTIONS,
    (
        *common.MAP,
        number("label", "whether the case has the class; empty where it is uncertain", "0 or 1"),
        number("logit", "output of the network"),
        common.PROBABILITY,
    ),
)
TRAINING = Table(
    paths.TRAINING,
    (
        count("epoch", "from 1 on, over all stages"),
        text("stage", "which layers are trained"),
        number("learning_rate", "at the start of the epoch"),
        number("train_loss", "mean loss over the training split"),
        number("train_accuracy", "share of the training split that is right", "0 to 1"),
        number("val_loss", "mean loss over the validation split"),
        number("val_accuracy", "share of the validation split that is right", "0 to 1"),
        Column("best", "flag", "whether the weights of this epoch were kept"),
    ),
)
CLASSIFICATION = Table(
    paths.table("classification"),
    (
        *_HEAD,
        text("class", "class of the classifier, or `all`: measures over all classes"),
        common.METRIC,
        number("value", "value of the measure"),
        common.CI_LOW,
        common.CI_HIGH,
        number("chance", "its chance level; empty where it has no fixed one"),
        common.N,
        common.N_PATIENTS,
    ),
)
CONFUSION = Table(
    paths.table("confusion"),
    (*_HEAD, text("true", "class of the label"), text("predicted", "predicted class"), common.N),
)
CALIBRATION = Table(
    paths.table("calibration"),
    (
        *_HEAD,
        number("bin_low", "lower end of the bin of confidence", "0 to 1"),
        number("bin_high", "upper end", "0 to 1"),
        common.N,
        number("confidence", "mean confidence of the cases in it", "0 to 1"),
        number("accuracy", "share of them that is right", "0 to 1"),
    ),
)
OUTPUTS = (
    count("output", "place of the output in the network, from 0 on"),
    text("class", "class that the config names for it"),
    text("fitting_class", "class whose labels it fits best"),
    number("auc", f"ROC-AUC of the output for its class, {_AUC}", "0 to 1"),
    number("fitting_auc", "the same for the fitting class", "0 to 1"),
)
CLASS_ORDER = Table(paths.table("class_order"), (*_HEAD, *OUTPUTS))

LUNG_CASES = Table(
    paths.LUNG_SCORES,
    (
        common.CASE,
        common.PATIENT,
        number("dice", "Dice coefficient with the given lung mask", "0 to 1"),
        number("iou", "intersection over union with it", "0 to 1"),
    ),
)
LUNG_QUALITY = Table(
    paths.LUNG_QUALITY,
    (
        common.DATASET,
        common.SPLIT,
        common.METRIC,
        common.N,
        common.N_PATIENTS,
        *common.INTERVAL,
        common.MEDIAN,
        common.MIN,
    ),
)
