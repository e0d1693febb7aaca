"""The terminal summary, as it is read."""

import io

import pandas as pd
import pytest
from made_run import record
from rich.console import Console

from reports.terminal import print_summary
from reports.view import view_of


def shown(made, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding) as file:
        print_summary(view_of(made), Console(file=file, width=160))
        file.flush()
        return raw.getvalue().decode(encoding)


@pytest.fixture
def made(table: pd.DataFrame):
    return record(table)


def test_the_verdicts_come_first(made) -> None:
    text = shown(made)
    titles = ["All 14 objectives", "VERDICTS", "DOUBTS", "MEASURED", "MIGRATIONS"]
    assert [text.index(title) for title in titles] == sorted(text.index(title) for title in titles)


def test_a_breach_is_named_with_its_reason(made) -> None:
    made["verdicts"][0].update(state="FAIL", why="40 of 582 took longer than 215 ms")
    text = shown(made)
    assert text.startswith("Breached: registration p95 <= 215ms.")
    assert "✗ FAIL" in text
    assert "40 of 582 took longer than 215 ms" in text


def test_brackets_are_text_and_not_markup(made) -> None:
    made["verdicts"][0].update(state="FAIL", why="[red]not[/red] [link=x]markup")
    assert "[red]not[/red] [link=x]markup" in shown(made)


def test_a_terminal_without_utf_8_gets_every_line(made) -> None:
    assert "+ PASS" in shown(made, "ascii")
