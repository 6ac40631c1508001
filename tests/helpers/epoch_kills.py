"""Interrupt a training after some of its epochs, and count the epochs of another training."""

import pytest

from fidelity.base.training_state import EpochStore

SAVE = EpochStore.save


def dies_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """Make every training raise KeyboardInterrupt after it has stored this number of epochs."""
    seen = count_epochs(monkeypatch)
    save = EpochStore.save

    def killing(store: EpochStore, state: dict) -> None:
        save(store, state)
        if len(seen) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(EpochStore, "save", killing)


def count_epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by one entry for each finished epoch."""
    seen: list[int] = []

    def counting(store: EpochStore, state: dict) -> None:
        SAVE(store, state)
        seen.append(len(seen))

    monkeypatch.setattr(EpochStore, "save", counting)
    return seen
