"""A child under the watchdog cannot outlive its owner, and neither can its folder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tailguard.base.processes import Watchdog
from tailguard.base.unprivileged_user import find_unprivileged_user

# Prints the child's id, the folder and the watchdog's id, then waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from tailguard.base.processes import Watchdog
with Watchdog({signals!r}, patience_s=0.5) as watchdog:
    folder = watchdog.folder("tailguard-test-")
    (folder / "file").write_text("x", encoding="utf-8")
    watchdog.adopt_files([Path({extra!r})])
    child = watchdog.start({command!r}, log_path=folder / "log", cwd=folder)
    print(child.pid, folder, watchdog._shell.pid, flush=True)
    {then}
"""
SLEEP = ["sleep", "60"]
STUBBORN = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]


def owner(tmp_path, then="time.sleep(60)", command=SLEEP, signals=("TERM", "KILL")):
    text = OWNER.format(signals=signals, extra=str(tmp_path / "extra"), command=command, then=then)
    (tmp_path / "extra").touch()
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, encoding="utf-8")


def started(process):
    child, folder, shell = process.stdout.readline().split()
    return int(child), Path(folder), int(shell)


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_survives_the_owner_however_it_ends(tmp_path, signal_number):
    with owner(tmp_path) as process:
        child, folder, shell = started(process)
        assert alive(child)
        process.send_signal(signal_number)
        process.wait(10)
    assert within(10, lambda: not alive(child) and not folder.exists())
    assert within(10, lambda: not alive(shell))
    assert not (tmp_path / "extra").exists()


def test_a_child_that_ignores_the_first_signal_gets_the_next(tmp_path):
    with owner(tmp_path, command=STUBBORN) as process:
        child, folder, _ = started(process)
        process.kill()
        process.wait(10)
    assert within(20, lambda: not alive(child) and not folder.exists())


def test_an_owner_that_exits_without_closing_leaves_nothing(tmp_path):
    with owner(tmp_path, then="import os; os._exit(3)") as process:
        child, folder, _ = started(process)
        assert process.wait(10) == 3
    assert within(10, lambda: not alive(child) and not folder.exists())


def test_a_fork_of_the_owner_does_not_keep_the_child_alive(tmp_path):
    forked = "import os; pid = os.fork(); print(pid, flush=True) if pid else None; time.sleep(60)"
    with owner(tmp_path, then=forked) as process:
        child, folder, _ = started(process)
        fork = int(process.stdout.readline())
        process.kill()
        try:
            assert within(10, lambda: not alive(child) and not folder.exists())
            assert alive(fork)
        finally:
            os.kill(fork, signal.SIGKILL)


def test_closing_ends_the_child_and_reaps_it(tmp_path):
    with Watchdog() as watchdog:
        folder = watchdog.folder("tailguard-test-")
        child = watchdog.start(SLEEP, log_path=folder / "log", cwd=folder)
        shell = watchdog._shell.pid
        assert child.running
    assert not psutil.pid_exists(child.pid)
    assert not psutil.pid_exists(shell)
    assert not folder.exists()


def test_the_childs_pid_is_its_own_and_its_output_is_kept(tmp_path):
    with Watchdog() as watchdog:
        child = watchdog.start(["sh", "-c", "echo I am $$"], log_path=tmp_path / "log", cwd=tmp_path)
        assert child.wait(10) == 0
        assert child.log_tail() == f"I am {child.pid}"


def test_a_child_that_has_ended_can_be_followed_by_another(tmp_path):
    with Watchdog() as watchdog:
        watchdog.start(["true"], log_path=tmp_path / "log", cwd=tmp_path).wait(10)
        watchdog.release()
        assert watchdog.start(SLEEP, log_path=tmp_path / "log", cwd=tmp_path).running
        with pytest.raises(ValueError, match="already guards process"):
            watchdog.start(SLEEP, log_path=tmp_path / "log", cwd=tmp_path)


def test_a_child_that_was_ended_is_started_again_as_it_was(tmp_path):
    with Watchdog() as watchdog:
        first = watchdog.start(
            ["sh", "-c", "echo started; sleep 60"], log_path=tmp_path / "log", cwd=tmp_path
        )
        assert within(
            30, lambda: first.log_tail() == "started"
        )  # before it is killed: on a busy machine it would never say so
        watchdog.stop(["KILL"])
        again = watchdog.start_again()
        assert within(30, lambda: again.log_tail() == "started\nstarted")
        assert (first.running, again.running) == (False, True)


def test_nothing_can_be_started_again_before_it_was_started():
    with Watchdog() as watchdog, pytest.raises(ValueError, match="started nothing"):
        watchdog.start_again()


def test_a_command_that_does_not_exist_ends_with_its_name_in_the_log(tmp_path):
    with Watchdog() as watchdog:
        child = watchdog.start(["/no/such/program"], log_path=tmp_path / "log", cwd=tmp_path)
        assert child.wait(10) == 127
        assert "/no/such/program" in child.log_tail()


def test_the_owner_is_cleaned_up_after_even_when_somebody_killed_the_watchdog():
    with Watchdog() as watchdog:
        folder = watchdog.folder("tailguard-test-")
        child = watchdog.start(SLEEP, log_path=folder / "log", cwd=folder)
        watchdog._shell.kill()
        watchdog._shell.wait()
    assert not psutil.pid_exists(child.pid)
    assert not folder.exists()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform binds no process to cores")
def test_the_child_is_bound_to_the_cores_and_we_are_not(tmp_path):
    ours = os.sched_getaffinity(0)
    core = min(ours)
    with Watchdog() as watchdog:
        child = watchdog.start(SLEEP, log_path=tmp_path / "log", cwd=tmp_path, cpus=[core])
        assert os.sched_getaffinity(child.pid) == {core}
    assert os.sched_getaffinity(0) == ours


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")
def test_as_root_the_child_and_its_folder_belong_to_the_unprivileged_account(tmp_path):
    account = find_unprivileged_user()
    with Watchdog(account=account) as watchdog:
        folder = watchdog.folder("tailguard-test-")
        child = watchdog.start(["id", "-u"], log_path=folder / "log", cwd=folder)
        child.wait(10)
        assert child.log_tail() == str(account.uid)
        assert folder.stat().st_uid == account.uid
        assert folder.stat().st_mode & 0o777 == 0o700
        assert not account.can_reach(Path("/root/.profile"))
