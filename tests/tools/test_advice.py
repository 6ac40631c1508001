"""Advice after Snakemake's own messages."""

import logging

from fidelity.tools.advice import Advice


def test_advice_is_added_to_the_message_of_its_exception_alone(caplog):
    logger = logging.getLogger("test_advice")
    logger.addFilter(Advice({"LockException": lambda message: f"UNLOCK after: {message}"}))
    logger.error("cannot be locked", extra={"exception": "LockException"})
    logger.error("something else", extra={"exception": "WorkflowError"})
    logger.error("no exception")
    assert [record.message for record in caplog.records] == [
        "cannot be locked\n\nUNLOCK after: cannot be locked",
        "something else",
        "no exception",
    ]
