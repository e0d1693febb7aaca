"""The pytest plugin: the fixture `slo`, and an outcome of its own for what is not decided.

Light by intent: every pytest run loads it if Tailguard is installed.
"""

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tailguard.pytest_plugin.locusts_host import host_left_to_the_project

if TYPE_CHECKING:
    from tailguard.pytest_plugin.asked import Slo

CHOICES = ("fail", "warn")
MINUTES = 5.0  # of a comparison at most: more than twenty pairs whose sides measure for 5 s each take
GUARDS = b"tailguard.guards"  # what a file that has the guards of a suite imports


@dataclass(frozen=True, slots=True)
class _Option:
    """One of the options of the guards and of `slo`. If a project has one of that name, that is the project's."""

    help: str
    choices: tuple[str, ...] | None = None

    def add(self, group: pytest.OptionGroup, name: str, *, taken: bool) -> None:
        names = [f"--tailguard-{name}", *([] if taken else [f"--slo-{name}"])]
        group.addoption(*names, dest=f"tailguard_{name}", help=self.help, choices=self.choices)


_OPTIONS = {
    "inconclusive": _Option(
        "what an undecided one means for the session (default: fail if CI is set, else warn)", CHOICES
    ),
    "profile": _Option(
        "the profile to measure with (default: pytest for the fixture slo, smoke for a suite)"
    ),
    "run": _Option("judge this finished run instead of measuring: a folder or latest"),
}
_MARKER = (
    "slo(*limits, rate='', users=0, compare='', minutes=5.0): limits such as 'p95 <= 50ms' that the call of the fixture"
    " slo is judged by, or compare='origin/main', the commit that it must not be slower than; rate='100/s' and users=8 "
    "state its load"
)
# What pytest keeps for us: the question of a test, and the folders that this pytest run measured into.
SLO = pytest.StashKey["Slo"]()
FOLDERS = pytest.StashKey[list[Path]]()


class InconclusiveError(AssertionError):
    """The run is sound but cannot decide an objective or a migration; neither a pass nor a failure."""


class InvalidError(AssertionError):
    """What was measured cannot be trusted: an error, not a failure of what was measured."""


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> Generator[None]:
    """Add the options once the project has added its own."""
    with host_left_to_the_project(parser, early_config):
        yield
    group = parser.getgroup("slo", "performance: the fixture slo, and the guards (-m performance)")
    for name, each in _OPTIONS.items():
        each.add(group, name, taken=_is_taken(parser, f"--slo-{name}"))


def option(config: pytest.Config, name: str) -> str | None:
    """Return the value of one of our options, None if it is not given."""
    value: str | None = config.getoption(f"tailguard_{name}", None)
    return value


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, for --strict-markers."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", f"tailguard_{_MARKER}")
    config.addinivalue_line("markers", "performance: measures, such as the guards of a whole suite")
    config.stash[FOLDERS] = []


def pytest_report_collectionfinish(items: Sequence[pytest.Item]) -> str | None:
    """Say how long the comparisons take, before the first test."""
    own = {"slo", "tailguard_slo"}
    budgets = [
        marker.kwargs.get("minutes", MINUTES)
        for item in items
        for marker in item.iter_markers()
        if marker.name in own and "compare" in marker.kwargs and own & {*getattr(item, "fixturenames", ())}
    ]
    if not budgets:
        return None
    each = "1 test compares" if len(budgets) == 1 else f"{len(budgets)} tests compare"
    return f"slo: {each} with a commit in pairs of processes, for at most {sum(budgets):g} min"


@pytest.fixture(name="slo")
def _slo(request: pytest.FixtureRequest) -> "Slo":
    """Measure a call, `slo(client.get, "/search")`, and judge it by the limits of `@pytest.mark.slo("p95 <= 50ms")`.

    In an async test, `await slo(...)`. A scenario, `slo(checkout)`, is played with its own fixtures and limits.
    """
    return _asked_by(request)


@pytest.fixture(name="tailguard_slo")
def _tailguard_slo(request: pytest.FixtureRequest) -> "Slo":
    """The fixture `slo` for a project that has a fixture or marker of that name; its marker is `tailguard_slo`."""
    return _asked_by(request)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail a test that asked nothing although it looks as if it had."""
    yield
    slo = item.stash.get(SLO, None)
    if slo is not None:
        slo.check_asked()
    elif isinstance(item, pytest.Function) and not {"slo", "tailguard_slo"} & {*item.fixturenames}:
        _check_markers(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark the report of what is undecided or invalid; what is undecided does not fail the session with `warn`."""
    report = yield
    if call.excinfo is None:
        return report
    if call.excinfo.errisinstance(InvalidError):
        report.invalid = True  # type: ignore[attr-defined]  # ours, read below
    if call.excinfo.errisinstance((InconclusiveError, InvalidError)) and report.failed:
        report.longrepr = str(call.excinfo.value)
    if call.excinfo.errisinstance(InconclusiveError):
        report.inconclusive = str(call.excinfo.value)  # type: ignore[attr-defined]  # likewise
        if _undecided_means(item.config) == "warn":
            path, line, _ = item.location
            report.outcome, report.longrepr = "skipped", (path, (line or 0) + 1, str(call.excinfo.value))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Count what is undecided on its own: `3 inconclusive`, never a pass; what is invalid as an error."""
    if getattr(report, "invalid", False):
        return "error", "E", ("INVALID", {"red": True})
    if getattr(report, "inconclusive", None) is None:
        return None
    return "inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print why something is undecided, as pytest's own sections show failures and errors only; and the runs."""
    undecided = terminalreporter.getreports("inconclusive")
    if undecided:
        terminalreporter.section("undecided objectives and migrations", yellow=True)
    for report in undecided:
        terminalreporter.line(f"{report.head_line or report.nodeid}: {report.inconclusive}")
    measured = config.stash[FOLDERS]
    if folders := dict.fromkeys(measured):
        from tailguard.base.output.escaping import for_terminal  # noqa: PLC0415  # likewise
        from tailguard.pytest_plugin.summary import lines_of  # noqa: PLC0415  # imported only if something was measured

        terminalreporter.section("performance")
        for folder in folders:
            for line in lines_of(folder, option(config, "profile")):
                terminalreporter.line(for_terminal(line))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this worker of pytest-xdist where it measured into."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tailguard_folders"] = [str(folder) for folder in session.config.stash.get(FOLDERS, [])]
        session.config.stash[FOLDERS] = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # Any: a class of pytest-xdist, which need not be there
    """Hear where a worker measured into."""
    told: Sequence[str] = getattr(node, "workeroutput", {}).get("tailguard_folders", [])
    folders: list[Path] = node.config.stash[FOLDERS]
    folders += map(Path, told)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect the guards alone if a finished run is to be judged: no other test reads it, and some suites have many."""
    if (
        option(config, "run") is None
        or collection_path.suffix != ".py"
        or collection_path.name == "__init__.py"
    ):
        return None
    return None if GUARDS in collection_path.read_bytes() else True


def pytest_unconfigure(config: pytest.Config) -> None:
    """Name, in the last line of all, why a session without a failure fails."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or _undecided_means(config) == "warn":
        return
    if undecided := reporter.getreports("inconclusive"):
        why = "--slo-inconclusive=fail" if option(config, "inconclusive") else "CI is set"
        reporter.line(
            f"{len(undecided)} undecided: they fail the session, as {why}; --slo-inconclusive=warn lets them pass."
        )


def _undecided_means(config: pytest.Config) -> str:
    return option(config, "inconclusive") or ("fail" if os.environ.get("CI") else "warn")


def _asked_by(request: pytest.FixtureRequest) -> "Slo":
    from tailguard.pytest_plugin.asked import Slo  # noqa: PLC0415  # imported only if a test asks for it

    slo = request.node.stash[SLO] = Slo(request)
    return slo


def _check_markers(item: pytest.Function) -> None:
    markers = [*item.iter_markers("slo"), *item.iter_markers("tailguard_slo")]
    if not markers:
        return
    from tailguard.pytest_plugin.marker import check_unread  # noqa: PLC0415  # imported only if a test has the marker

    check_unread(item.name, item.originalname, markers)


def _is_taken(parser: pytest.Parser, name: str) -> bool:
    """Whether another option has that name already; pytest's groups do not know of each other's."""
    try:
        return name not in parser.parse_known_and_unknown_args([name])[1]
    except pytest.UsageError:  # it wants a value
        return True
