"""Locust for real: one process or a master with workers, against a served platform."""

import csv
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import numpy as np
import pytest

from tailguard.base.ports import free_port
from tailguard.base.state import State
from tailguard.locust.suite_hash import scenarios_sha256
from tailguard.record.run_record import Ended
from tailguard.record.scenario import PoissonSchedule, ScenarioEnded
from tests.support.locust_runs import LIMIT_S, ROOT, TAILGUARD, objectives_file, rows_of_tab
from tests.support.suite import SUITE
from tests.support.waiting import eventually

pytestmark = pytest.mark.proof


TIMED = """
import inspect, sys, time
real = inspect.stack

def stack(*words):
    began_s = time.monotonic()
    found = real(*words)
    sys.stderr.write(f"stack took {time.monotonic() - began_s}\\n")
    return found

inspect.stack = stack
"""


def four_workers(locust, *words, run_time="6s", users=8):
    master = locust.master(
        "-u", str(users), "-r", str(users), "-t", run_time, *words, "RegistrationUser", "EconomyTransferUser"
    )
    return master, [locust.worker(f"worker{number}") for number in range(4)]


def test_the_merged_samples_are_the_workers_own_bit_for_bit_and_locusts_table_is_not(
    locust, tmp_path, capsys
):
    raw = tmp_path / "raw"
    words = ("--tailguard-keep-raw", str(raw), "--csv", str(tmp_path / "locust"))
    master, _ = four_workers(locust, *words, "--tailguard-objectives", objectives_file(tmp_path, "30s"))
    locust.ends(master, "master", 0)
    samples = locust.run().samples()
    with (tmp_path / "locust_stats.csv").open(encoding="utf-8") as file:
        theirs = {row["Name"]: row for row in csv.DictReader(file)}
    differ = 0
    for slug, step in (("registration", "register"), ("economy_transfer", "transfer")):
        files = sorted(raw.glob(f"*-{slug}.npy"))
        rows = np.concatenate([np.load(path) for path in files])
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        assert len(files) == 4
        mine = samples[slug]
        for place, column in enumerate(("intended_ns", "started_ns", "ended_ns", "step", "outcome")):
            np.testing.assert_array_equal(np.sort(rows[:, place]), np.sort(getattr(mine, column)))
        ok = rows[rows[:, 4] == 0]
        for q in (50, 95, 99):
            concatenated = np.percentile((ok[:, 2] - ok[:, 0]) / 1e6, q, method="inverted_cdf")
            merged = np.percentile(mine.response_ms(step), q, method="inverted_cdf")
            assert merged == concatenated
            shown = float(theirs[f"{slug}.{step}"][f"{q}%"])
            differ += shown != merged
            with capsys.disabled():
                print(
                    f"\n{slug} p{q} ms: merged {float(merged)}, concatenated {float(concatenated)}, locust {shown:g}"
                )
    assert differ >= 5  # locust keeps two digits
    verified = subprocess.run(
        [TAILGUARD, "verify", str(locust.run().folder)], capture_output=True, check=False, cwd=ROOT
    )
    assert verified.returncode == 0, verified.stdout


def test_an_objective_below_what_is_measured_exits_with_99(locust, tmp_path):
    objectives = objectives_file(tmp_path, "0.01ms")
    single = locust.alone(
        "single", "-u", "6", "-r", "6", "-t", "5s", "--tailguard-objectives", objectives, "RegistrationUser"
    )
    locust.ends(single, "single", 99)
    states = {each.name: each.state for each in locust.run().record.verdicts}
    assert states["registration p95 <= 0.01ms"] is State.FAIL
    assert (locust.run().folder / "report.html").exists()


def test_a_worker_killed_in_mid_run_makes_it_invalid_and_its_sent_samples_are_kept(locust):
    master, workers = four_workers(locust, run_time="9s")
    locust.wait_for_users()
    time.sleep(3)
    os.killpg(workers[2].pid, signal.SIGKILL)
    assert master.wait(LIMIT_S) == 65, locust.log("master")
    run = locust.run()
    assert "its ledger never came" in run.record.why_incomplete
    assert {each.state for each in run.record.verdicts} == {State.INVALID}
    assert len(run.samples()["registration"]) > 0


def test_a_worker_that_stands_still_while_it_prepares_is_waited_for(locust):
    master = locust.master(
        "-u", "4", "-r", "4", "-t", "5s", "--tailguard-set", "load.warmup=400", "RegistrationUser", workers=2
    )
    stopped, _ = (locust.worker(f"worker{number}") for number in range(2))
    locust.wait_for("Sending spawn jobs")
    os.killpg(stopped.pid, signal.SIGSTOP)
    locust.wait_for("failed to send heartbeat")
    os.killpg(stopped.pid, signal.SIGCONT)
    locust.ends(master, "master", 0, 75)
    found = locust.run().record.locust
    assert (len(found.workers), found.faults) == (2, ())
    assert all(found.load.values()), "each measured"


def test_ctrl_c_on_the_master_saves_the_samples_and_marks_the_run_incomplete(locust):
    master, _ = four_workers(locust, run_time="60s")
    locust.wait_for_users()
    time.sleep(2)
    master.send_signal(signal.SIGINT)
    assert master.wait(LIMIT_S) == 130, locust.log("master")
    run = locust.run()
    assert (run.record.ended, run.record.exit_code) == (Ended.INTERRUPTED, 130)
    assert len(run.samples()["registration"]) > 0
    assert run.record.locust.faults == ()


def test_a_worker_that_joins_late_takes_part_and_is_told_of(locust):
    # Long enough for a busy machine to start a third.
    master = locust.master("-u", "6", "-r", "6", "-t", "60s", "RegistrationUser", workers=2)
    for number in range(2):
        locust.worker(f"worker{number}")
    locust.wait_for_users()
    locust.worker("late")
    locust.ends(master, "master", 0, 75)
    record = locust.run().record
    assert len(record.locust.joined_late) == 1
    assert record.locust.faults == ()
    assert [each.kind for each in record.doubts if each.kind == "late_worker"] == ["late_worker"]


def test_a_worker_with_other_scenarios_is_refused_with_both_hashes(locust, tmp_path):
    other = tmp_path / "other"
    for room in ("scenarios", "perf", "reference", "slo", "reports", "tailguard", "migrations_sql"):
        shutil.copytree(ROOT / room, other / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tailguard.toml", other)
    with (other / "scenarios" / "registration.py").open("a", encoding="utf-8") as file:
        file.write("# another version\n")
    master = locust.master("-u", "2", "-r", "2", "-t", "5s", "RegistrationUser", workers=1)
    locust.worker("other", cwd=other, environment={"PYTHONPATH": str(other)})
    assert master.wait(LIMIT_S) == 64, locust.log("master")
    assert "its scenarios are not the master's" in locust.log("master")
    assert scenarios_sha256(SUITE) in locust.log("master")


def test_a_schedule_over_two_workers_is_one_and_the_report_says_so(locust):
    words = ("-u", "8", "-r", "8", "-t", "5s", "--processes", "2", "--tailguard-rate", "40")
    single = locust.alone("open", *words, "RegistrationUser")
    locust.ends(single, "open", 0, 75)
    entry = locust.run().record.scenarios["registration"]
    assert entry.schedule.rate_per_s == 40
    assert isinstance(entry.schedule, PoissonSchedule)
    intended = locust.run().samples()["registration"].intended_ns
    assert entry.offered_rate_per_s == pytest.approx(40, rel=0.35)
    assert len(np.unique(intended)) > 50
    assert entry.lateness_ms.max is not None


@pytest.mark.parametrize("fault", ["refused", "tls"])
def test_a_host_that_cannot_be_reached_gives_errors_by_kind_and_never_a_pass(locust, fault):
    kinds = {"refused": "ConnectionRefusedError", "tls": "SSLError"}
    locust.url = {"refused": "http://127.0.0.1:1", "tls": locust.url.replace("http", "https")}[fault]
    single = locust.alone(fault, "-u", "4", "-r", "4", "-t", "4s", "RegistrationUser")
    assert single.wait(LIMIT_S) in {65, 99}, locust.log(fault)
    entry = locust.run().record.scenarios["registration"]
    assert entry.counts.ok == 0
    assert list(entry.errors) == [kinds[fault]]
    [doubt] = [each for each in locust.run().record.doubts if each.kind == "failing_scenario"]
    assert f"at {locust.url} are errors, most of them {kinds[fault]}: " in doubt.measured
    assert {"refused": "nothing listens there", "tls": "TLS failed"}[fault] in doubt.remedy


def test_the_stop_of_a_run_does_not_hold_its_users_up(locust, tmp_path):
    """Locust's stop asks inspect.stack() who called it: what that costs the first time must be paid before the run."""
    timed = tmp_path / "timed.py"
    timed.write_text(TIMED, encoding="utf-8")
    words = ("-f", f"scenarios,{timed}", "-u", "2", "-r", "2", "-t", "4s")
    single = locust.alone("stop", *words, "RegistrationUser")
    locust.ends(single, "stop", 0, 75)
    first_s, *later_s = [float(each) for each in re.findall(r"stack took (\S+)", locust.log("stop"))]
    assert later_s
    assert max(later_s) < first_s / 3


def test_tags_choose_the_users(locust):
    single = locust.alone(
        "tagged", "-u", "3", "-r", "3", "-t", "4s", "--tags", "economy_transfer", "registration"
    )
    locust.ends(single, "tagged", 0, 75)
    assert set(locust.run().record.scenarios) == {"registration", "economy_transfer"}


def test_sampling_stops_when_everything_is_decided(locust, tmp_path):
    words = (
        "-u",
        "10",
        "-r",
        "10",
        "-t",
        "60s",
        "--tailguard-until-decided",
        "--tailguard-set",
        "load.min_samples=100",
    )
    objectives = objectives_file(tmp_path, "20s")
    began_s = time.monotonic()
    single = locust.alone("decided", *words, "--tailguard-objectives", objectives, "RegistrationUser")
    locust.ends(single, "decided", 0)
    assert time.monotonic() - began_s < 50
    assert locust.run().record.scenarios["registration"].ended_because is ScenarioEnded.DECIDED


def test_the_web_page_has_a_tab_that_shows_where_each_objective_stands(locust, tmp_path):
    port, environment = free_port(), {"LOCUST_USERS": "6", "LOCUST_SPAWN_RATE": "6"}
    words = (
        "--autostart",
        "--web-port",
        str(port),
        "--host",
        locust.url,
        "--tailguard-set",
        f"runs_dir={locust.runs}",
    )
    page = locust.start("page", *words, "RegistrationUser", environment=environment)
    address = f"http://127.0.0.1:{port}"
    rows = eventually(lambda: rows_of_tab(port), LIMIT_S, pause_s=0.5, log=lambda: locust.log("page"))
    assert rows[0]["objective"] == "registration p95 <= 215ms"
    assert set(rows[0]) == {"objective", "n", "observed", "interval", "verdict"}
    assert rows[0]["verdict"] in {"PASS", "still open"}
    assert "extended_tabs" in urllib.request.urlopen(address).read().decode()
    urllib.request.urlopen(f"{address}/stop", data=b"").read()
    page.send_signal(signal.SIGINT)
    locust.ends(page, "page", 0, 75)
    assert locust.run().complete
