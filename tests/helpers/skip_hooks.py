"""Fail a test run if a test is skipped that is not in the file named by ALLOWED_SKIPS."""

import os
from pathlib import Path

import pytest

from tests.helpers.skips import unexpected


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Check the skipped tests of all workers, in the process that reports them."""
    listing = os.environ.get("ALLOWED_SKIPS")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not listing or reporter is None or hasattr(session.config, "workerinput"):
        return
    skipped = [report.nodeid for report in reporter.stats.get("skipped", [])]
    found = unexpected(skipped, Path(listing).read_text(encoding="utf-8"))
    if found:
        reporter.write_line("")
        reporter.write_line(f"Skipped, and not listed in {listing}:", red=True)
        for name in found:
            reporter.write_line(f"  {name}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
