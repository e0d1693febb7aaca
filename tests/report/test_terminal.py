"""The terminal summary, as it is read."""

import pandas as pd
import pytest

from tests.support.made_run import record
from tests.support.on_terminal import shown


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


def test_a_migration_that_is_not_proved_says_why(made) -> None:
    made["migrations"][0].update(state="FAIL", why="Index Scan on the new index: observed Seq Scan")
    assert "Index Scan on the new index: observed Seq Scan" in shown(made)


def test_brackets_are_text_and_not_markup(made) -> None:
    made["verdicts"][0].update(state="FAIL", why="[red]not[/red] [link=x]markup")
    assert "[red]not[/red] [link=x]markup" in shown(made)


def test_a_terminal_without_utf_8_gets_every_line(made) -> None:
    assert "+ PASS" in shown(made, "ascii")
