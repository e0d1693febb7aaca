"""`duet --calibrate`: the gate put to the test here, once with the same code and once with code made 10 % slower."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tailguard.compare.history import machine_of
from tailguard.config.merge import Config
from tailguard.duet.record import CALIBRATION
from tailguard.duet.session import Budget, perform_duet
from tailguard.duet.side_spec import Wanted
from tailguard.duet.sides import sides_from
from tailguard.judge.decision import State
from tailguard.judge.verdicts import EXIT_INCONCLUSIVE, EXIT_INVALID, EXIT_PASS
from tailguard.record.files import write_file
from tailguard.record.run import Run
from tailguard.base.text_format import utc
from tailguard.report.report import write_report

FAULT = "delay_pct=10"


def calibrate(config: Config, budget: Budget, command: Sequence[str]) -> int:
    """Perform both duets, keep what they showed beside the runs, and print it.

    Exits 0 where the same code did not FAIL and the slower did, 75 where the gate is not good enough here, 65 where a
    duet did not come to its end.
    """
    found: dict[str, Any] = {}
    runs: list[Run] = []
    for name, faults in (("same_code", ""), ("slower", FAULT)):
        click.echo(f"\nCalibrating with {faults or 'the same code'}", err=True)
        sides = sides_from(Wanted(), Wanted(environ={"TAILGUARD_FAULTS": faults}), {})
        run = perform_duet(config, sides, budget, command)
        runs.append(run)
        found[name] = {
            "run": run.record["id"],
            "state": _state(run),
            "pairs": run.record["duet"].get("pairs", 0),
            "quality": run.record["duet"].get("quality"),
        }
    found |= {
        "created_utc": utc(datetime.now(UTC)),
        "machine": machine_of(runs[0].record["environment"]),
        "profile": config.profile,
        "scenarios": config.get("scenarios"),
    }
    found["sentence"] = _sentence(found)
    write_file(
        Path(config.get("runs_dir")) / CALIBRATION, json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    )
    for run in runs:
        run.record["duet"]["calibration"] = found
        run.save()
        write_report(run)
    click.echo(found["sentence"])
    if not all(run.complete for run in runs):
        return EXIT_INVALID
    good = found["same_code"]["state"] != State.FAIL and found["slower"]["state"] == State.FAIL
    return EXIT_PASS if good else EXIT_INCONCLUSIVE


def _state(run: Run) -> str:
    states = {verdict["state"] for verdict in run.record["verdicts"]}
    if not run.complete:
        return str(State.INVALID)
    return next(
        (str(state) for state in (State.INVALID, State.FAIL, State.INCONCLUSIVE) if state in states), "PASS"
    )


def _sentence(found: dict[str, Any]) -> str:
    same, slower = found["same_code"], found["slower"]
    quality = (same["quality"] or {}).get("sentence") or "too few pairs to say more"
    return (
        f"The same code: {same['state']} after {same['pairs']} pairs; {FAULT}: {slower['state']} after"
        f" {slower['pairs']} pairs. {quality}."
    )
