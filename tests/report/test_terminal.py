"""The terminal summary, as it is read."""

import pandas as pd
import pytest
from msgspec import structs

from tailguard.base.output.console import UNFOLDED
from tailguard.base.state import State
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.text.terminal import MOST_KINDS
from tailguard.report.views import numbers
from tests.support.gallery import UNHELD
from tests.support.made_run import record, with_verdict
from tests.support.on_terminal import shown


@pytest.fixture
def made(table: pd.DataFrame):
    return record(table)


def test_what_matters_most_comes_last(made) -> None:
    text = shown(with_verdict(with_verdict(made, 0, state=State.FAIL), 1, state=State.INCONCLUSIVE))
    titles = ["MEASURED", "MIGRATIONS", "DOUBTS", "VERDICTS"]
    assert [text.index(title) for title in titles] == sorted(text.index(title) for title in titles)
    verdicts = text.partition("VERDICTS")[2]
    states = ["✓ PASS", "~ INCONCLUSIVE", "✗ FAIL", "\nFAIL: Breached"]
    assert [verdicts.index(state) for state in states] == sorted(verdicts.index(state) for state in states)


def test_in_a_pipe_a_verdict_is_one_line_with_all_of_it_the_worst_last(made) -> None:
    failed = with_verdict(made, 0, state=State.FAIL, why="40 of 582 took longer")
    lines = shown(failed, width=UNFOLDED).splitlines()
    verdicts = [line for line in lines if line.startswith(("PASS ", "FAIL "))]
    assert len(verdicts) == 14
    value, n = failed.verdicts[0].observed.value, failed.scenarios["registration"].steps["register"].counts.ok
    assert verdicts[-1].startswith(f"FAIL registration p95 <= 215ms: {numbers.ms(value)} [")
    for words in (f", n = {n}, ", " over limit", "headroom ", ": 40 of 582 took longer"):
        assert words in verdicts[-1]
    assert lines[-1].startswith("FAIL: Breached: registration p95 <= 215ms.")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colour_follows_the_environment_and_a_log_is_folded_by_neither(
    made, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], coloured: bool
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    text = shown(made, width=UNFOLDED)
    assert ("\x1b[32mPASS" in text) is coloured
    assert sum(" registration p95 <= 215ms: " in line for line in text.splitlines()) == 1


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


@pytest.mark.parametrize("width", [80, UNFOLDED])
def test_a_grave_doubt_is_told_once_and_named_by_each_verdict_that_it_makes_invalid(made, width: int) -> None:
    doubt = UNHELD
    invalid = structs.replace(made, doubts=(doubt,))
    for place in range(2):
        invalid = with_verdict(invalid, place, state=State.INVALID, why=f"{doubt.sentence}; 3 of 9 exceed")
    text = " ".join(shown(invalid, width=width).split())
    assert text.count(doubt.measured) == 1
    assert text.count(doubt.limit) == 1
    assert text.count("starved generator (see DOUBTS); 3 of 9 exceed") == 2


def test_a_breach_is_named_with_its_reason(made) -> None:
    text = shown(with_verdict(made, 0, state=State.FAIL, why="40 of 582 took longer than 215 ms"))
    assert text.splitlines()[-1].startswith("FAIL: Breached: registration p95 <= 215ms.")
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
