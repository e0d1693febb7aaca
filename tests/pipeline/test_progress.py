"""The lines of a run that goes on: one block on a terminal, one line each ten seconds in a log."""

import io

import pytest

from tailguard.base.output.console import PlainConsole
from tailguard.pipeline.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO) -> str:
    """Three scenarios in turns for a minute, then the end of each."""
    with Progress(PlainConsole(file=file, width=80)) as lines:
        for second in range(60):
            slug = f"scenario_{second % 3}"
            lines.update(slug, f"{slug} n={second}", float(second))
        for number in range(3):
            lines.update(f"scenario_{number}", f"scenario_{number} ended", 60.0, last=True)
    return file.getvalue()


@pytest.mark.parametrize("forced", [False, True], ids=["plain", "coloured"])
def test_a_log_gets_a_line_each_ten_seconds_and_the_last_of_each_scenario(
    monkeypatch: pytest.MonkeyPatch, forced: bool
) -> None:
    if forced:
        monkeypatch.setenv("FORCE_COLOR", "1")
    lines = shown(io.StringIO()).splitlines()
    assert [line.partition("n=")[2] for line in lines[:-3]] == ["0", "10", "20", "30", "40", "50"]
    assert lines[-3:] == ["scenario_0 ended", "scenario_1 ended", "scenario_2 ended"]


def test_a_terminal_has_one_block_that_is_drawn_again_and_goes_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = shown(Terminal())
    assert "\x1b[1A" in text or "\x1b[2A" in text  # back up, to draw over it
    assert text.endswith("\x1b[2K") or "\x1b[?25h" in text
