"""Each protocol that a page may name is explained in one sentence."""

from typing import get_args

from fidelity.metrics.conventions import PROTOCOLS
from fidelity.presentation.protocols import MEANINGS, explained
from fidelity.presentation.titles import Display, showing
from fidelity.settings.statistics import BoxProtocol


def test_each_protocol_has_one_short_sentence():
    assert {*MEANINGS} == {*PROTOCOLS, *get_args(BoxProtocol)}
    for meaning in MEANINGS.values():
        assert meaning.count(".") == 1
        assert meaning.endswith(".")
        assert len(meaning.split()) < 24  # the protocol's title comes first


def test_titles_come_first():
    with showing(Display(protocols={"medpy": "MedPy"})):
        assert explained(["medpy"]) == [f"MedPy: {MEANINGS['medpy']}"]
