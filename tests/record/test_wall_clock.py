"""The wall clock may jump in a run: nothing is measured by it, and a record that ends before it begins is read."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tailguard.compare.verification import verify
from tailguard.record import run as run_module
from tailguard.report.views.view import view_of
from tests.support.finished_runs import finished_run

ROOT = Path(__file__).parents[2]
# What is stamped with a date for a reader, another program or a server, or looks whether the wall clock jumps; none of
# it is a time that is judged.
STAMPED = {
    "tailguard/engine/telemetry.py",
    "tailguard/http/declared/login.py",
    "tailguard/locust/clock.py",
    "tailguard/pipeline/control/replay.py",
    "tailguard/pipeline/control/run_control.py",
    "tailguard/pipeline/environment.py",
    "tailguard/record/run.py",
    "tailguard/duet/calibration.py",
    "tailguard/postgres/schema.py",
    "tailguard/s3/store.py",
}
WALL_CLOCK = re.compile(r"\btime\.time(?:_ns)?\(|\bdatetime\.(?:now|utcnow|today)\(")


class Leaping(datetime):
    """A wall clock that was put back by 9,000 days after the first look, and on by two at each one after it."""

    looks = 0

    @classmethod
    def now(cls, tz=None):
        cls.looks += 1
        return datetime(2026, 11, 1, tzinfo=tz) - timedelta(days=9000 - 2 * cls.looks if cls.looks > 1 else 0)


def test_nothing_that_is_judged_is_timed_by_the_wall_clock():
    sources = sorted((ROOT / "tailguard").rglob("*.py"))
    reading = {
        path.relative_to(ROOT).as_posix() for path in sources if WALL_CLOCK.search(path.read_text("utf-8"))
    }
    assert reading == STAMPED


def test_a_run_in_which_the_wall_clock_was_put_back_is_judged_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    steady = finished_run("run", tmp_path / "steady")
    monkeypatch.setattr(run_module, "datetime", Leaping)
    run = finished_run("run", tmp_path / "leaping")
    assert run.record.finished_utc < run.record.created_utc
    assert run.record.verdicts == steady.record.verdicts
    assert verify(run) == []
    assert view_of(run.record).overall == view_of(steady.record).overall
