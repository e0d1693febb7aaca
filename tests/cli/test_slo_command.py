"""`tailguard slo` and `tailguard calibrate` through the command line."""

import json
import os
import signal
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tailguard.cli.main import run_cli
from tests.support.runs_by_hand import made_run, samples_of


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """No configuration but the shipped one."""
    monkeypatch.chdir(tmp_path)


def finished_run(because=None):
    """A run of 1,000 registrations of about 10 ms."""
    samples = samples_of("registration", ("register",), np.random.default_rng(1).lognormal(2.3, 0.3, 1000))
    return made_run(Path("runs"), registration=samples, because=because)


def test_lint_finds_that_smoke_can_decide_everything(capsys):
    """Every shipped objective can pass with the smoke profile's samples."""
    assert run_cli(["slo", "lint", "--profile", "smoke", "--strict"]) == 0
    assert "17 of 17 objectives can be decided" in capsys.readouterr().out


def test_lint_says_what_cannot_be_decided_and_strict_makes_it_an_error(capsys):
    """150 samples decide no p99."""
    short = ["--set", "load.rate_per_s=5", "--set", "load.max_seconds=30"]
    assert run_cli(["slo", "lint", *short]) == 0
    assert "cannot decide registration p99 <= 300ms: 150 samples planned" in capsys.readouterr().out
    assert run_cli(["slo", "lint", "--strict", *short]) == 64
    assert "cannot be decided" in capsys.readouterr().err


def test_show_lists_each_objective_with_its_rule(capsys):
    """What it takes to pass, before anything is run."""
    assert run_cli(["slo", "show", "--profile", "smoke"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 17
    assert any(line.startswith("registration p99 <= 300ms") and "from 479 samples" in line for line in lines)


def test_suggest_prints_toml_to_paste(capsys):
    """From the latest run, or from several."""
    run = finished_run()
    assert run_cli(["slo", "suggest", "latest", str(run.folder)]) == 0
    found = tomllib.loads(capsys.readouterr().out)
    assert found["scenarios"]["registration"]["step"] == "register"
    assert found["scenarios"]["registration"]["p50"].endswith("ms")


def test_suggest_refuses_an_incomplete_run_and_a_missing_one(capsys):
    """Limits from half a run would be half limits."""
    run = finished_run(because="interrupted by the user")
    assert run_cli(["slo", "suggest", str(run.folder)]) == 64
    assert "incomplete" in capsys.readouterr().err
    assert run_cli(["slo", "suggest", "nowhere"]) == 64


def test_a_headroom_that_is_none_is_refused_before_anything_is_printed(capsys):
    """What is redirected into a file is whole or nothing."""
    assert run_cli(["slo", "suggest", str(finished_run().folder), "--headroom", "nan"]) == 64
    printed = capsys.readouterr()
    assert (printed.out, "is not a number" in printed.err) == ("", True)


@pytest.mark.system
def test_calibrate_counts_verdicts_on_a_known_truth(capsys):
    """A timer of which 2, 5 and 10 % exceed: clear cases are decided rightly on real, measured samples."""
    assert run_cli(["calibrate", "--experiments", "2", "--samples", "600", "--json"]) == 0
    met, edge, breached = json.loads(capsys.readouterr().out)
    assert (met["factor"], edge["factor"], breached["factor"]) == (0.4, 1.0, 2.0)
    assert all(sum(row["states"].values()) == 2 for row in (met, edge, breached))
    assert met["drawn"] == pytest.approx(0.02, abs=0.02)
    assert breached["states"]["PASS"] == 0
    assert 0 < breached["wrong_at_most"] <= 1


def test_ctrl_c_ends_a_calibration_and_not_only_its_first_third(capsys):
    """Of three timers the first is under way; nothing is said of the judge."""
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    assert run_cli(["calibrate", "--experiments", "1000"]) == 130
    interrupt.join()
    assert capsys.readouterr().out == ""


def test_calibrate_prints_a_table_for_people(capsys):
    """With the sentence that says how often the judge was wrong."""
    assert run_cli(["calibrate", "--experiments", "2", "--samples", "100"]) == 0
    assert "verdicts were wrong" in capsys.readouterr().out
