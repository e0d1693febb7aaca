"""The pytest plugin: options of the guards, and an outcome of its own for a verdict that is not decided.

Light by intent: every pytest run loads it if Tailguard is installed.
"""

import os
from collections.abc import Generator

import pytest

CHOICES = ("fail", "warn")


class InconclusiveError(AssertionError):
    """The run is sound but cannot decide an objective or a migration; neither a pass nor a failure."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the guards, which run with `-m performance`."""
    group = parser.getgroup("slo", "performance guards (-m performance)")
    group.addoption(
        "--slo-inconclusive",
        choices=CHOICES,
        default="fail" if os.environ.get("CI") else "warn",
        help="what an undecided one means for the session (default: fail if CI is set, else warn)",
    )
    group.addoption("--slo-profile", default=None, help="the profile to measure with (default: smoke)")
    group.addoption(
        "--slo-run", default=None, help="judge this finished run instead of measuring: a folder or latest"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark the report of what is undecided; with `warn` it does not fail the session."""
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(InconclusiveError):
        report.inconclusive = str(call.excinfo.value)  # type: ignore[attr-defined]  # ours, read below
        if item.config.getoption("--slo-inconclusive") == "warn":
            path, line, _ = item.location
            report.outcome, report.longrepr = "skipped", (path, (line or 0) + 1, str(call.excinfo.value))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Count what is undecided on its own: `3 inconclusive`, never a pass."""
    if getattr(report, "inconclusive", None) is None:
        return None
    return "inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print why each of them is undecided: pytest's own sections show failures and errors only."""
    undecided = terminalreporter.getreports("inconclusive")
    if undecided:
        terminalreporter.section("undecided objectives and migrations", yellow=True)
    for report in undecided:
        terminalreporter.line(f"{report.head_line or report.nodeid}: {report.inconclusive}")
