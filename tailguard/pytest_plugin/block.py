"""The process of one side of one pair: pytest, on the one test that compares.

Run by its path as `block.py CALLS PLACE TEST OPTION... ORDER RESULT`: nothing of Tailguard may be imported before
pytest has loaded the plugin, which it would warn of. pytest's own output is dropped; problems are reported at the end.
"""

import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tailguard.pytest_plugin.side_run import SideRun

USAGE = 64  # as of tailguard.base.errors.UsageError


class Block:
    """Gives the test its side, and remembers why a test, or a file, could not be played."""

    def __init__(self, order: Path, calls: int, result: Path) -> None:
        self._order, self._calls, self._result = order, calls, result
        self.why = ""
        self._side: SideRun | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        """Let the fixture `slo` measure this side."""
        from tailguard.pytest_plugin.question import SIDE  # noqa: PLC0415  # not before pytest loads the plugin
        from tailguard.pytest_plugin.side_run import SideRun  # noqa: PLC0415  # likewise

        self._side = SideRun.told(self._order, self._calls, self._result.with_suffix(".samples"))
        config.stash[SIDE] = self._side

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported."""
        if report.failed:
            self.why = self.why or _last_lines(report.longreprtext)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that fails or is skipped."""
        if not report.passed:
            self.why = self.why or f"{report.when}: {_last_lines(report.longreprtext)}"

    def end(self, status: int, said: str) -> int:
        """Write the result if there is one, else say why not; returns the exit code."""
        from tailguard.base.output.streams import say  # noqa: PLC0415  # likewise
        from tailguard.record.run_json import encode  # noqa: PLC0415  # likewise

        side = self._side
        if side is not None and side.mistake is not None:
            say(str(side.mistake), err=True)
            return side.mistake.exit_code
        if status == pytest.ExitCode.OK and side is not None and side.record is not None:
            part = self._result.with_suffix(".part")
            part.write_bytes(encode(side.record))
            part.replace(self._result)
            return 0
        say(self.why or _last_lines(said), err=True)
        return 1 if status == pytest.ExitCode.TESTS_FAILED else USAGE


def main(calls: str, place: str, *words: str) -> int:
    """Play the test. Returns the exit code of the process."""
    *options, order, result = words
    os.chdir(place)
    output = Path(result).with_suffix(".output")
    block = Block(Path(order), int(calls), Path(result))
    temporary = str(Path(result).parent / "temporary")
    with output.open("w") as file, redirect_stdout(file), redirect_stderr(file):
        status = pytest.main([*options, "--basetemp", temporary], plugins=[block])
    return block.end(status, output.read_text(errors="replace"))


def _last_lines(text: str) -> str:
    lines = [line.removeprefix("E ").strip() for line in text.splitlines() if line.startswith("E ")]
    return "\n".join(lines[-4:] or text.splitlines()[-4:])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
