"""The gate put to the test: what it found is kept for this machine and this size, and for no other."""

import json
from pathlib import Path
from typing import Any

import pytest

from tailguard.config.merge import load_config
from tailguard.duet import calibration as duet_calibration
from tailguard.duet.calibration import calibrate
from tailguard.duet.record import CALIBRATION, known_calibration
from tailguard.duet.session import Budget
from tailguard.record.run import Run

MACHINE = "unknown CPU, ? cores, 0 GiB, not pinned"


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calibrate with duets that say what they are told to; the record and its readers are real."""

    def run(*states: str) -> tuple[int, Path]:
        config = load_config("duet", flags={"runs_dir": str(tmp_path)}, environ={})
        told = iter(states)

        def perform(*_: Any) -> Run:
            made = Run.start(config, command=["tailguard", "duet"])
            made.record["duet"] = {"pairs": 20, "quality": {"sentence": "false alarms 0/200"}}
            verdict = {
                "objective": "a",
                "scenario": "registration",
                "step": "",
                "kind": "change",
                "state": next(told),
            }
            made.record["verdicts"] = [verdict]
            made.finish()
            return made

        monkeypatch.setattr(duet_calibration, "perform_duet", perform)
        return calibrate(config, Budget(20, 5.0), ["tailguard", "duet", "--calibrate"]), tmp_path

    return run


def test_a_gate_that_tells_the_two_apart_is_good_and_says_so(calibrated: Any, capsys: Any) -> None:
    code, runs = calibrated("PASS", "FAIL")
    assert code == 0
    assert (
        "The same code: PASS after 20 pairs; delay_pct=10: FAIL after 20 pairs. false alarms 0/200."
        in capsys.readouterr().out
    )
    found = known_calibration(runs, MACHINE, load_config("duet", environ={}))
    assert found is not None
    assert found["slower"]["state"] == "FAIL"
    latest = json.loads((runs / "latest" / "run.json").read_text(encoding="utf-8"))
    assert latest["duet"]["calibration"]["sentence"] == found["sentence"]


@pytest.mark.parametrize("states", [("FAIL", "FAIL"), ("PASS", "INCONCLUSIVE")])
def test_a_gate_that_cannot_tell_them_apart_is_not_good_enough(
    calibrated: Any, states: tuple[str, str]
) -> None:
    assert calibrated(*states)[0] == 75


def test_what_was_found_holds_for_the_same_machine_and_size_only(calibrated: Any) -> None:
    _, runs = calibrated("PASS", "FAIL")
    assert known_calibration(runs, "another machine", load_config("duet", environ={})) is None
    assert known_calibration(runs, MACHINE, load_config("smoke", environ={})) is None
    (runs / CALIBRATION).write_text("{", encoding="utf-8")
    assert known_calibration(runs, MACHINE, load_config("duet", environ={})) is None
