"""Explain torch's error for batch normalisation over one image in terms of the config."""

from collections.abc import Iterator
from contextlib import contextmanager

from fidelity.base.errors import InputError

# The beginning of torch's error message (torch.nn.functional.batch_norm).
REFUSAL = "Expected more than 1 value per channel when training"


@contextmanager
def in_words(images: int, batch: int, field: str) -> Iterator[None]:
    """Raise an error with a remedy if a network in training gets a batch of a single image.

    Raises:
        InputError: batch normalisation got a single value per channel; other errors pass unchanged.
    """
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(REFUSAL):
            raise
        if images == 1:
            raise InputError(
                "there is only one training image, but the batch normalisation of the network"
                " needs two or more in a batch",
                field="train",
                remedy="Add training images",
            ) from error
        raise InputError(
            f"the batches have only {batch} image, but the batch normalisation of the network"
            " needs two or more",
            field=field,
            remedy="Set batch to 2 or more",
        ) from error
