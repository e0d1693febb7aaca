"""`duet --calibrate`: the gate put to the test here, once with the same code and once with code made 10 % slower."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tailguard.base.output.streams import say
from tailguard.base.state import State
from tailguard.base.text_format import utc
from tailguard.compare.gate_sentences import calibration_sentence
from tailguard.compare.history import machine_of
from tailguard.compare.verdicts import verdicts_of
from tailguard.config.merge import Config
from tailguard.duet.record import CALIBRATION
from tailguard.duet.session import perform_duet
from tailguard.duet.side_spec import SideSpec
from tailguard.duet.sides import sides_from
from tailguard.record.duet import Budget, Calibration, CalibrationDuet
from tailguard.record.files import write_file
from tailguard.record.run import Run
from tailguard.record.run_json import encode
from tailguard.record.run_record import Ended
from tailguard.report.own_template import template_of
from tailguard.report.report import write_report
from tailguard.report.sections import sections_of
from tailguard.report.views.numbers import plural

FAULT = "delay_pct=10"


def calibrate(config: Config, budget: Budget, command: Sequence[str]) -> int:
    """Perform both duets, keep what they showed beside the runs, and print it.

    Exits 0 if the same code did not FAIL and the slower did, 75 if the gate is not good enough here, 65 if a duet did
    not come to its end.
    """
    same, slower = (_perform(config, budget, command, faults) for faults in ("", FAULT))
    found = Calibration(
        created_utc=utc(datetime.now(UTC)),
        machine=machine_of(same.record.environment),
        profile=config.profile,
        scenarios=tuple(config.scenarios),
        fault=FAULT,
        same_code=_duet_of(same),
        slower=_duet_of(slower),
    )
    write_file(Path(config.runs_dir) / CALIBRATION, msgspec.json.format(encode(found), indent=1) + b"\n")
    for run in (same, slower):
        run.put_calibration(found)
        run.put_exit_code(run.record.deserved_exit_code)
        run.save()
        write_report(run, sections_of(config.suite), template_of(config.suite))
    say(calibration_sentence(found))
    if not (same.complete and slower.complete):
        return State.INVALID.exit_code
    good = found.same_code.state is not State.FAIL and found.slower.state is State.FAIL
    return (State.PASS if good else State.INCONCLUSIVE).exit_code


def _perform(config: Config, budget: Budget, command: Sequence[str], faults: str) -> Run:
    say("", f"Calibrating with {faults or 'the same code'}", err=True)
    sides = sides_from(SideSpec(), SideSpec(environ={"TAILGUARD_FAULTS": faults}), {})
    run = perform_duet(config, sides, budget, command)
    if run.record.ended is Ended.INTERRUPTED:  # it is saved; the next duet is not wanted
        say(
            f"{_pairs(run)} of this duet are kept in {run.folder}; nothing is kept as a calibration.",
            err=True,
        )
        raise KeyboardInterrupt
    run.put_verdicts(verdicts_of(run))
    return run


def _duet_of(run: Run) -> CalibrationDuet:
    duet = run.record.duet
    assert duet is not None
    return CalibrationDuet(
        run=run.record.id, state=run.record.state, pairs=len(duet.blocks), quality=duet.quality
    )


def _pairs(run: Run) -> str:
    return plural(0 if run.record.duet is None else len(run.record.duet.blocks), "pair")
