import numpy as np
import pytest
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.predict import predict_logits


class Mean(nn.Module):
    """A network with one output: the mean of the image."""

    def forward(self, x):
        return x.mean(dim=(1, 2, 3)).unsqueeze(1)


def test_one_logit_has_opposite_columns_and_sums_to_one():
    classifier = Classifier(Mean(), "mean", ("negative", "positive"), "one_logit", image_size=4)
    x = torch.randn(5, 3, 4, 4)
    logits = classifier(x)
    assert torch.equal(logits[:, 1], x.mean(dim=(1, 2, 3)))
    assert torch.equal(logits[:, 0], -logits[:, 1])
    probabilities = classifier.probabilities(logits)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(5))
    assert torch.allclose(probabilities[:, 1], logits[:, 1].sigmoid())


def test_one_logit_needs_two_classes():
    with pytest.raises(InputError, match="two classes, but there are 3"):
        Classifier(Mean(), "mean", ("a", "b", "c"), "one_logit")


def test_preprocess_repeats_channels_and_normalises():
    classifier = Classifier(Mean(), "mean", ("a", "b"), image_size=2)
    x = classifier.preprocess(np.full((1, 2, 2), 255, np.uint8))
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert x.shape == (1, 3, 2, 2)
    assert x[0, :, 1, 1].tolist() == pytest.approx(expected)


def test_preprocess_refuses_other_types():
    classifier = Classifier(Mean(), "mean", ("a", "b"), image_size=2)
    with pytest.raises(ValueError, match="uint8"):
        classifier.preprocess(np.zeros((1, 2, 2), np.float32))


def test_unknown_class_suggests_the_near_one():
    classifier = Classifier(Mean(), "mean", ("COVID-19", "Normal"))
    assert classifier.index_of("Normal") == 1
    with pytest.raises(InputError, match="Did you mean 'COVID-19'"):
        classifier.index_of("COVID19")


def test_grouping_does_not_change_predictions():
    torch.manual_seed(0)
    from fidelity.classifiers.architectures import build

    classifier = Classifier(build("resnet18", 3), "resnet18", ("a", "b", "c"), image_size=32).eval()
    images = np.random.default_rng(0).integers(0, 256, (7, 32, 32)).astype(np.uint8)
    together = predict_logits(classifier, images, batch=4)
    apart = np.concatenate([predict_logits(classifier, images[i : i + 1], 4) for i in range(7)])
    assert np.array_equal(together, apart)
    assert predict_logits(classifier, images[:0]).shape == (0, 3)
    with pytest.raises(InputError, match="expects 32×32"):
        predict_logits(classifier, images[:, :16, :16])
