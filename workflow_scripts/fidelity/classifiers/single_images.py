"""Batch normalisation over one image, which torch refuses, in the words of a config."""

from collections.abc import Iterator
from contextlib import contextmanager

from fidelity.base.errors import InputError

# How torch begins its refusal (torch.nn.functional.batch_norm).
REFUSAL = "Expected more than 1 value per channel when training"


@contextmanager
def in_words(images: int, batch: int, field: str) -> Iterator[None]:
    """State what to do where a network in training is given a batch of a single image.

    Raises:
        InputError: batch normalisation got a single value per channel; other errors pass.
    """
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(REFUSAL):
            raise
        if images == 1:
            raise InputError(
                "there is one training image, and the network's batch normalisation needs two or"
                " more in a batch",
                field="train",
                remedy="Add training images",
            ) from error
        raise InputError(
            f"the batches have {batch} image, and the network's batch normalisation needs two or"
            " more",
            field=field,
            remedy="Set batch to 2 or more",
        ) from error
