"""A whole duet on fake sides without servers: when it stops, what it keeps, what it makes of failures."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tailguard.base.state import State
from tailguard.compare.verdicts import verdicts_of
from tailguard.compare.verification import verify
from tailguard.config.merge import load_config
from tailguard.duet import session as duet_session
from tailguard.duet.blocks import BlockError, Side
from tailguard.duet.session import DuetExecution
from tailguard.duet.shared_servers import NO_SERVERS
from tailguard.record.duet import Budget, Duet, SideName
from tailguard.record.objective import Margin, Margins
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.report.report import write_report
from tests.support.duet_side import TOLD

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parent.parent.parent
FAKE = ROOT / "tests" / "support" / "duet_side.py"
MARGINS = Margins(quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.10)), floor_ms=0.1)
Perform = Callable[..., Run]


class FakeSide:
    """A side whose process measures what it is told to."""

    def __init__(self, name: SideName, mood: str, level_ms: float) -> None:
        self.name, self.mood, self.level_ms = name, mood, level_ms

    def ready(self) -> Side:
        command = (sys.executable, "-P", str(FAKE), self.mood, str(self.level_ms), str(len(self.name)))
        return Side(self.name, f"{self.name} {self.mood}", command, {"PYTHONPATH": str(ROOT)}, ROOT, TOLD)


@pytest.fixture
def perform(tmp_path: Path) -> Perform:
    """Perform a duet of two fake sides; the servers are left out, everything else is real."""

    def run(baseline: str = "well", candidate: str = "well", *, level_ms: float = 5.0, pairs: int = 9) -> Run:
        fakes = [FakeSide("baseline", baseline, 5.0), FakeSide("candidate", candidate, level_ms)]
        config = load_config(
            "duet", flags={"runs_dir": str(tmp_path), "scenarios": ["registration"]}, environ={}
        )
        budget = Budget(pairs=pairs, minutes=5.0)
        sides = [each.ready() for each in fakes]
        duet = DuetExecution(config, {}, MARGINS, budget, lambda *_: (sides, NO_SERVERS))
        performed = duet.perform(["tailguard", "duet"])
        return Run.load(performed.folder)

    return run


def duet_of(run: Run) -> Duet:
    assert run.record.duet is not None
    return run.record.duet


def test_a_candidate_twice_as_slow_fails_and_the_run_says_everything(perform: Perform) -> None:
    run = perform(level_ms=10.0, pairs=12)
    assert run.complete
    run.put_verdicts(verdicts_of(run))
    states = {verdict.name: verdict.state for verdict in run.record.verdicts}
    assert states["registration p50 of register against the baseline"] is State.FAIL
    assert run.record.deserved_exit_code == 99
    duet = duet_of(run)
    assert len(duet.blocks) == 12
    assert duet.quality is not None
    assert duet.quality.duets == 200
    assert duet.time is not None
    assert duet.time.wall_s > duet.time.measuring_s
    assert duet.sides["candidate"].label == "candidate well"
    assert all(each.q == 0.99 for each in duet.watched)
    assert run.record.scenarios["registration"].counts.total == 720
    assert {f"blocks/{n:03}-{side}.parquet" for n in range(1, 13) for side in duet.sides} <= set(
        run.record.files
    )
    run.save()
    assert verify(Run.load(run.folder)) == []
    assert "against the baseline" in write_report(run).read_text(encoding="utf-8")


def test_a_block_that_was_changed_afterwards_is_found(perform: Perform) -> None:
    run = perform(pairs=9)
    first, second = (run.folder / duet_of(run).blocks[n].files["candidate"] for n in (0, 1))
    first.write_bytes(second.read_bytes())
    assert "files.blocks/001-candidate.parquet" in {each.where for each in verify(Run.load(run.folder))}


def test_it_stops_at_the_first_look_that_decides(perform: Perform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duet_session, "LOOKS", (3,))
    monkeypatch.setattr(duet_session, "decided", lambda found: len(found) > 0)
    assert len(duet_of(perform(pairs=9)).blocks) == 3


def test_a_block_that_fails_is_discarded_counted_and_measured_again(perform: Perform) -> None:
    run = perform(candidate="crashes in block 2", pairs=3)
    assert run.complete
    assert [block.number for block in duet_of(run).blocks] == [1, 3, 4]
    [discarded] = duet_of(run).discarded
    assert "block 2: candidate" in discarded
    assert "out of memory" in discarded


def test_a_mistake_that_every_block_would_meet_ends_the_duet_at_once(
    perform: Perform, tmp_path: Path
) -> None:
    with pytest.raises(BlockError) as failure:
        perform(baseline="names a mistake")
    assert str(failure.value) == (
        "baseline (baseline names a mistake): the suite asks for a table that is not there"
    )
    assert failure.value.exit_code == 64
    run = Run.load("latest", tmp_path)
    assert run.record.ended is Ended.BROKE_OFF
    assert duet_of(run).discarded == ()


def test_a_mistake_that_no_earlier_block_met_costs_one_block(perform: Perform) -> None:
    run = perform(candidate="names a mistake in block 2", pairs=3)
    assert run.complete
    assert [block.number for block in duet_of(run).blocks] == [1, 3, 4]


def test_three_failures_in_a_row_are_invalid_and_shown_with_the_log(perform: Perform) -> None:
    run = perform(baseline="does not start")
    assert run.record.ended is Ended.BROKE_OFF
    assert run.record.state is State.INVALID
    assert "3 blocks in a row failed; the last: baseline" in run.record.why_incomplete
    assert "ImportError: no module named platform" in run.record.why_incomplete


def test_a_broken_invariant_of_either_side_breaks_the_duet(perform: Perform) -> None:
    run = perform(baseline="breaks an invariant", pairs=2)
    assert [each.name for each in run.record.invariants if not each.held] == ["baseline: nobody twice"]


def test_an_interrupted_duet_keeps_what_it_measured(
    perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = duet_session.measure_block

    def interrupted(number: int, *rest: Any, **options: Any) -> Any:
        if number == 3:
            raise KeyboardInterrupt
        return measured(number, *rest, **options)

    monkeypatch.setattr(duet_session, "measure_block", interrupted)
    run = perform()
    assert run.record.ended is Ended.INTERRUPTED
    assert run.record.why_incomplete == "interrupted by the user"
    assert run.record.deserved_exit_code == 130
    assert len(duet_of(run).blocks) == 2
