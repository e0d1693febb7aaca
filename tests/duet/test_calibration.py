"""The gate put to the test: what it found is kept for this machine and this size, and for no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tailguard.base.state import State
from tailguard.compare.history import machine_of
from tailguard.config.merge import load_config
from tailguard.duet import calibration as duet_calibration
from tailguard.duet.calibration import calibrate
from tailguard.duet.record import CALIBRATION, known_calibration
from tailguard.pipeline.environment import describe_environment
from tailguard.record.duet import Block, Budget, Duet, DuetSide, Quality
from tailguard.record.objective import Margins
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.verdict import PlanVerdict

ENVIRONMENT = describe_environment(Path.cwd())
MACHINE = machine_of(ENVIRONMENT)
QUALITY = Quality(
    duets=200,
    pairs=20,
    false_alarms=0,
    injected=0.1,
    found=190,
    found_in=20,
    least_seen={"registration p50 of register": 0.05},
)
Calibrated = Callable[..., tuple[int, Path]]


def duet() -> Duet:
    return Duet(
        sides={"baseline": DuetSide(label="a"), "candidate": DuetSide(label="b")},
        budget=Budget(pairs=20, minutes=5.0),
        margins=Margins(quantiles=(), floor_ms=0.1),
        looks=(10, 20),
        blocks=tuple(Block(number=n, first="baseline", wall_s=1.0, files={}) for n in range(20)),
        quality=QUALITY,
    )


def verdict(state: State) -> PlanVerdict:
    return PlanVerdict(
        name="a", state=state, query="q", baseline_blocks=1, candidate_blocks=1, diff=(), why="as told"
    )


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calibrated:
    """Calibrate with duets whose verdicts are as told; the record and its readers are real."""

    def run(*states: State, ended: Ended = Ended.COMPLETE) -> tuple[int, Path]:
        config = load_config("duet", flags={"runs_dir": str(tmp_path)}, environ={})
        told = iter(states)

        def perform(*_: Any) -> Run:
            made = Run.start(config, environment=ENVIRONMENT, command=["tailguard", "duet"])
            made.put_duet(duet())
            made.finish(ended)
            return made

        monkeypatch.setattr(duet_calibration, "perform_duet", perform)
        monkeypatch.setattr(duet_calibration, "verdicts_of", lambda _: (verdict(next(told)),))
        budget = Budget(pairs=20, minutes=5.0)
        return calibrate(config, budget, ["tailguard", "duet", "--calibrate"]), tmp_path

    return run


def test_a_gate_that_tells_the_two_apart_is_good_and_says_so(
    calibrated: Calibrated, capsys: pytest.CaptureFixture[str]
) -> None:
    code, runs = calibrated(State.PASS, State.FAIL)
    assert code == 0
    assert (
        "The same code: PASS after 20 pairs; delay_pct=10: FAIL after 20 pairs. false alarms 0/200"
        in capsys.readouterr().out
    )
    found = known_calibration(runs, MACHINE, load_config("duet", environ={}))
    assert found is not None
    assert found.slower.state is State.FAIL
    latest = Run.load("latest", runs)
    assert latest.record.duet is not None
    assert latest.record.duet.calibration == found
    assert (latest.record.id, latest.record.exit_code) == (found.slower.run, 99)


@pytest.mark.parametrize("states", [(State.FAIL, State.FAIL), (State.PASS, State.INCONCLUSIVE)])
def test_a_gate_that_cannot_tell_them_apart_is_not_good_enough(
    calibrated: Calibrated, states: tuple[State, State]
) -> None:
    assert calibrated(*states)[0] == 75


def test_an_interrupted_duet_ends_the_calibration_and_what_is_kept_is_said(
    calibrated: Calibrated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        calibrated(ended=Ended.INTERRUPTED)
    (kept,) = tmp_path.glob("*-*/run.json")  # the second duet is not begun
    assert f"20 pairs of this duet are kept in {kept.parent}" in capsys.readouterr().err
    assert not (tmp_path / CALIBRATION).exists()


def test_what_was_found_holds_for_the_same_machine_and_size_only(calibrated: Calibrated) -> None:
    _, runs = calibrated(State.PASS, State.FAIL)
    assert known_calibration(runs, "another machine", load_config("duet", environ={})) is None
    assert known_calibration(runs, MACHINE, load_config("smoke", environ={})) is None
    (runs / CALIBRATION).write_text("{", encoding="utf-8")
    assert known_calibration(runs, MACHINE, load_config("duet", environ={})) is None
