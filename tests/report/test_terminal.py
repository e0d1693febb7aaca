"""The terminal summary, as it is read."""

import pandas as pd
import pytest
from msgspec import structs

from tailguard.base.state import State
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.text.terminal import MOST_KINDS
from tests.support.made_run import record, with_verdict
from tests.support.on_terminal import shown


@pytest.fixture
def made(table: pd.DataFrame):
    return record(table)


def test_the_verdicts_come_first(made) -> None:
    text = shown(made)
    titles = ["All 14 objectives", "VERDICTS", "DOUBTS", "MEASURED", "MIGRATIONS"]
    assert [text.index(title) for title in titles] == sorted(text.index(title) for title in titles)


@pytest.mark.parametrize("width", [40, 80, 120, 160])
def test_no_name_is_cut_or_folded_however_narrow_the_terminal_is(made, width) -> None:
    worse = with_verdict(made, 0, state=State.INCONCLUSIVE)
    text = shown(worse, width=width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    if width > 40:
        for verdict in worse.verdicts:
            if isinstance(verdict, ObjectiveVerdict):
                assert any(verdict.name in line for line in text.splitlines()), verdict.name


def test_a_breach_is_named_with_its_reason(made) -> None:
    text = shown(with_verdict(made, 0, state=State.FAIL, why="40 of 582 took longer than 215 ms"))
    assert text.startswith("Breached: registration p95 <= 215ms.")
    assert "✗ FAIL" in text
    assert "40 of 582 took longer than 215 ms" in text


def test_a_migration_that_is_not_proved_says_why(made) -> None:
    text = " ".join(shown(with_verdict(made, -1, state=State.FAIL, observed="Seq Scan")).split())
    assert "Index Scan on the new index: expected Index Scan using idx_tx_wallet_created_desc" in text
    assert "observed Seq Scan" in text


def test_brackets_are_text_and_not_markup(made) -> None:
    evil = "[red]not[/red] [link=x]markup"
    assert evil in shown(with_verdict(made, 0, state=State.FAIL, why=evil))


def test_a_terminal_without_utf_8_gets_every_line(made) -> None:
    assert "+ PASS" in shown(made, "ascii")


def test_errors_are_shown_by_kind_with_the_words_of_the_first(made) -> None:
    slug, entry = next(iter(made.scenarios.items()))
    failed = structs.replace(
        entry,
        errors={f"HTTP 50{number}": 9 - number for number in range(MOST_KINDS + 1)},
        said={"HTTP 500": 'answered 500 (X-Request-Id 7f3a): {"error": "pool exhausted"}'},
    )
    text = shown(structs.replace(made, scenarios={slug: failed}))
    assert f'{slug} 9 HTTP 500 answered 500 (X-Request-Id 7f3a): {{"error": "pool exhausted"}}' in " ".join(
        text.split()
    )
    assert f"HTTP 50{MOST_KINDS}" not in text
