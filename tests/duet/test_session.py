"""A whole duet on fake sides without servers: when it stops, what it keeps, what it makes of failures."""

import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tailguard.config.merge import load_config
from tailguard.duet import session as duet_session
from tailguard.duet.blocks import Side
from tailguard.duet.session import Budget, Duet
from tailguard.judge.margins import Margins
from tailguard.judge.verification import verify_files, verify_summaries
from tailguard.record.run import Run
from tailguard.report.report import write_report

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parent.parent.parent
FAKE = ROOT / "tests" / "perf" / "duet_side.py"
Perform = Callable[..., Run]


class FakeSide:
    """A side whose process measures what it is told to."""

    def __init__(self, name: str, mood: str, level_ms: float) -> None:
        self.name, self.mood, self.level_ms = name, mood, level_ms

    def ready(self, *_: Any) -> Side:
        order = {"mood": self.mood, "level_ms": self.level_ms, "seed": len(self.name)}
        command = (sys.executable, "-P", str(FAKE))
        return Side(self.name, f"{self.name} {self.mood}", command, {"PYTHONPATH": str(ROOT)}, ROOT, order)


@pytest.fixture
def perform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Perform:
    """Perform a duet of two fake sides; the servers are left out, everything else is real."""

    @contextmanager
    def no_ground(*_: Any) -> Any:
        yield SimpleNamespace(record={"postgres": None, "s3": None})

    def run(baseline: str = "well", candidate: str = "well", *, level_ms: float = 5.0, pairs: int = 9) -> Run:
        @contextmanager
        def fakes(*_: Any) -> Any:
            yield [FakeSide("baseline", baseline, 5.0), FakeSide("candidate", candidate, level_ms)]

        monkeypatch.setattr(duet_session, "open_ground", no_ground)
        monkeypatch.setattr(duet_session, "open_sides", fakes)
        config = load_config(
            "duet", flags={"runs_dir": str(tmp_path), "scenarios": ["registration"]}, environ={}
        )
        margins = Margins({0.5: 0.05, 0.95: 0.10}, 0.1, {})
        return Duet(config, {}, margins, Budget(pairs, 5.0), lambda _: None).perform(["tailguard", "duet"])

    return run


def states(run: Run) -> dict[str, str]:
    return {verdict["objective"]: verdict["state"] for verdict in run.record["verdicts"]}


def test_a_candidate_twice_as_slow_fails_and_the_run_says_everything(perform: Perform) -> None:
    run = perform(level_ms=10.0, pairs=12)
    assert run.complete
    assert states(run)["registration p50 of register against the baseline"] == "FAIL"
    assert run.record["duet"]["pairs"] == 12
    assert "false alarms" in run.record["duet"]["quality"]["sentence"]
    assert run.record["duet"]["time"]["wall_s"] > run.record["duet"]["time"]["measuring_s"]
    assert run.record["duet"]["sides"]["candidate"]["label"] == "candidate well"
    assert run.record["scenarios"]["registration"]["counts"]["total"] == 720
    assert verify_files(run) == []
    assert verify_summaries(run) == []
    assert "against the baseline" in write_report(run).read_text(encoding="utf-8")


def test_it_stops_at_the_first_look_that_decides(perform: Perform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duet_session, "LOOKS", (3,))
    monkeypatch.setattr(duet_session, "decided", lambda found: len(found) > 0)
    assert perform(pairs=9).record["duet"]["pairs"] == 3


def test_a_block_that_fails_is_discarded_counted_and_measured_again(perform: Perform) -> None:
    run = perform(candidate="crashes in block 2", pairs=3)
    assert run.complete
    assert run.record["duet"]["pairs"] == 3
    assert len(run.record["duet"]["discarded"]) == 1
    assert "block 2: candidate" in run.record["duet"]["discarded"][0]
    assert "out of memory" in run.record["duet"]["discarded"][0]


def test_three_failures_in_a_row_are_invalid_and_shown_with_the_log(perform: Perform) -> None:
    run = perform(baseline="does not start")
    assert not run.complete
    assert "3 blocks in a row failed; the last: baseline" in run.record["incomplete_because"]
    assert "ImportError: no module named platform" in run.record["incomplete_because"]


def test_a_broken_invariant_of_either_side_breaks_the_duet(perform: Perform) -> None:
    run = perform(baseline="breaks an invariant", pairs=2)
    broken = [
        each["name"] for each in run.record["scenarios"]["registration"]["invariants"] if not each["held"]
    ]
    assert broken == ["baseline: nobody twice"]


def test_an_interrupted_duet_keeps_what_it_measured(
    perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = duet_session.measure_pair

    def interrupted(number: int, *rest: Any) -> Any:
        if number == 3:
            raise KeyboardInterrupt
        return measured(number, *rest)

    monkeypatch.setattr(duet_session, "measure_pair", interrupted)
    run = perform()
    assert run.record["incomplete_because"] == "interrupted by the user"
    assert run.record["duet"]["pairs"] == 2
