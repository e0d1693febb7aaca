"""A child under the watchdog cannot outlive its owner, and neither can its folder."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tailguard.base.own_folder import sweep
from tailguard.base.processes import Watchdog
from tailguard.base.unprivileged_user import find_unprivileged_user
from tests.support.waiting import eventually

# Prints the child's id, the folder and the watchdog's id, then waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from tailguard.base.own_folder import sweep
from tailguard.base.processes import Watchdog
with Watchdog({signals!r}, patience_s=0.5) as watchdog:
    folder = watchdog.folder("test-")
    (folder / "file").write_text("x", encoding="utf-8")
    watchdog.adopt_sockets([Path({extra!r})])
    child = watchdog.start({command!r}, log_path=folder / "log", cwd=folder)
    print(child.pid, folder, *(guard.shell.pid for guard in watchdog._guards), flush=True)
    {then}
"""
SLEEP = ["sleep", "600"]
STUBBORN = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]


def owner(tmp_path, then="time.sleep(600)", command=SLEEP, signals=("TERM", "KILL"), temporary=None):
    text = OWNER.format(signals=signals, extra=str(tmp_path / "extra"), command=command, then=then)
    with socket.socket(socket.AF_UNIX) as extra:
        extra.bind(str(tmp_path / "extra"))
    environ = os.environ | ({"TMPDIR": str(temporary)} if temporary else {})
    return subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environ
    )


def started(process):
    child, folder, *guards = process.stdout.readline().split()
    return int(child), Path(folder), [int(guard) for guard in guards]


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_survives_the_owner_however_it_ends(tmp_path, signal_number):
    with owner(tmp_path) as process:
        child, folder, guards = started(process)
        assert alive(child)
        process.send_signal(signal_number)
        process.wait(60)
    assert eventually(lambda: not alive(child) and not folder.exists())
    assert eventually(lambda: not any(map(alive, guards)))
    assert not (tmp_path / "extra").exists()


def test_a_child_that_ignores_the_first_signal_gets_the_next(tmp_path):
    with owner(tmp_path, command=STUBBORN) as process:
        child, folder, _ = started(process)
        process.kill()
        process.wait(60)
    assert eventually(lambda: not alive(child) and not folder.exists())


def test_an_owner_that_exits_without_closing_leaves_nothing(tmp_path):
    with owner(tmp_path, then="import os; os._exit(3)") as process:
        child, folder, _ = started(process)
        assert process.wait(60) == 3
    assert eventually(lambda: not alive(child) and not folder.exists())


def test_a_fork_of_the_owner_does_not_keep_the_child_alive(tmp_path):
    forked = "import os; pid = os.fork(); print(pid, flush=True) if pid else None; time.sleep(600)"
    with owner(tmp_path, then=forked) as process:
        child, folder, _ = started(process)
        fork = int(process.stdout.readline())
        process.kill()
        try:
            assert eventually(lambda: not alive(child) and not folder.exists())
            assert alive(fork)
        finally:
            os.kill(fork, signal.SIGKILL)


def test_closing_ends_the_child_and_reaps_it(tmp_path):
    with Watchdog() as watchdog:
        folder = watchdog.folder("test-")
        child = watchdog.start(SLEEP, log_path=folder / "log", cwd=folder)
        guards = [guard.shell.pid for guard in watchdog._guards]
        assert child.running
    assert not psutil.pid_exists(child.pid)
    assert not any(map(psutil.pid_exists, guards))
    assert not folder.exists()


def test_the_childs_pid_is_its_own_and_its_output_is_kept(tmp_path):
    with Watchdog() as watchdog:
        child = watchdog.start(["sh", "-c", "echo I am $$"], log_path=tmp_path / "log", cwd=tmp_path)
        assert child.wait(60) == 0
        assert child.log_tail() == f"I am {child.pid}"


def test_a_child_that_has_ended_can_be_followed_by_another(tmp_path):
    with Watchdog() as watchdog:
        watchdog.start(["true"], log_path=tmp_path / "log", cwd=tmp_path).wait(60)
        watchdog.release()
        assert watchdog.start(SLEEP, log_path=tmp_path / "log", cwd=tmp_path).running
        with pytest.raises(ValueError, match="already guards process"):
            watchdog.start(SLEEP, log_path=tmp_path / "log", cwd=tmp_path)


def test_a_child_that_was_ended_is_started_again_as_it_was(tmp_path):
    with Watchdog() as watchdog:
        first = watchdog.start(
            ["sh", "-c", "echo started; sleep 600"], log_path=tmp_path / "log", cwd=tmp_path
        )
        # Before it is killed: on a busy machine it would never say so.
        assert eventually(lambda: first.log_tail() == "started")
        watchdog.stop(["KILL"])
        again = watchdog.start_again()
        assert eventually(lambda: again.log_tail() == "started\nstarted")
        assert (first.running, again.running) == (False, True)


def test_nothing_can_be_started_again_before_it_was_started():
    with Watchdog() as watchdog, pytest.raises(ValueError, match="started nothing"):
        watchdog.start_again()


def test_a_command_that_does_not_exist_ends_with_its_name_in_the_log(tmp_path):
    with Watchdog() as watchdog:
        child = watchdog.start(["/no/such/program"], log_path=tmp_path / "log", cwd=tmp_path)
        assert child.wait(60) == 127
        assert "/no/such/program" in child.log_tail()


def test_the_owner_is_cleaned_up_after_even_when_somebody_killed_the_watchdog():
    with Watchdog() as watchdog:
        folder = watchdog.folder("test-")
        child = watchdog.start(SLEEP, log_path=folder / "log", cwd=folder)
        for guard in watchdog._guards:
            guard.shell.kill()
            guard.shell.wait()
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
        folder = watchdog.folder("test-")
        child = watchdog.start(["id", "-u"], log_path=folder / "log", cwd=folder)
        child.wait(60)
        assert child.log_tail() == str(account.uid)
        assert folder.stat().st_uid == account.uid
        assert folder.stat().st_mode & 0o777 == 0o700
        assert not account.can_reach(Path("/root/.profile"))


@pytest.mark.parametrize(
    "name", ["victim\n", "victim\ndone\n", " victim ", "-victim", "vi'ct\"im\\n", "öffentlich"]
)
def test_only_our_folder_goes_whatever_the_name_of_the_temporary_one(tmp_path, name):
    (victim := tmp_path / "victim").mkdir()
    (victim / "thesis").touch()
    (temporary := tmp_path / name).mkdir(exist_ok=True)
    then = "time.sleep(600)"
    text = OWNER.replace("child.pid, folder,", "child.pid, 'hidden',")
    text = text.format(signals=("KILL",), extra=str(tmp_path / "extra"), command=SLEEP, then=then)
    environ = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        child = int(process.stdout.readline().split()[0])
        assert list(temporary.iterdir())
        process.kill()
        process.wait(60)
    assert eventually(lambda: not alive(child) and not list(temporary.iterdir()))
    assert (victim / "thesis").exists()


@pytest.mark.system
@pytest.mark.parametrize("ending", ["in order", "killed"])
def test_what_stands_in_our_folders_place_is_not_removed(tmp_path, ending):
    with owner(tmp_path, then="sys.stdin.read()" if ending == "killed" else "time.sleep(1)") as process:
        child, folder, guards = started(process)
        folder.parent.rename(tmp_path / "moved")
        folder.mkdir(parents=True)
        (folder / "theirs").touch()
        if ending == "killed":
            process.kill()
        process.wait(60)
        assert eventually(lambda: not any(map(alive, [child, *guards])))
    assert (folder / "theirs").exists()
    (folder / "theirs").unlink()
    folder.rmdir()
    folder.parent.rmdir()


def test_a_file_that_took_the_name_of_our_socket_stays(tmp_path):
    with Watchdog() as watchdog:
        watchdog.folder("test-")
        watchdog.adopt_sockets([tmp_path / "taken"])
        (tmp_path / "taken").write_text("a letter", encoding="utf-8")
    assert (tmp_path / "taken").exists()


def test_one_guard_is_enough_if_the_other_is_killed_and_then_the_owner(tmp_path):
    with owner(tmp_path) as process:
        child, folder, guards = started(process)
        os.kill(guards[0], signal.SIGKILL)
        process.kill()
        process.wait(60)
    assert eventually(lambda: not alive(child) and not folder.parent.exists())


def test_the_next_start_sweeps_what_was_left_when_all_of_them_were_killed(tmp_path):
    (temporary := tmp_path / "tmp").mkdir()
    (other := tmp_path / "other").mkdir()
    (foreign := temporary / "tailguard-foreign").mkdir()
    (foreign / ".tailguard").write_text("tailguard 1 never", encoding="utf-8")
    with owner(tmp_path, temporary=temporary) as process, owner(other, temporary=temporary) as living:
        child, folder, guards = started(process)
        _, of_the_living, _ = started(living)
        # Before it is the command, it tells the guards its id, and ends if nobody hears that.
        assert eventually(lambda: "pid $$" not in " ".join(psutil.Process(child).cmdline()))
        for guard in guards:
            os.kill(guard, signal.SIGKILL)
        process.kill()
        process.wait(60)
        assert alive(child)
        assert sweep(temporary) == [folder.parent]
        assert not folder.parent.exists()
        assert eventually(lambda: not alive(child))
        assert of_the_living.exists()
        assert foreign.exists()
        living.kill()


def test_the_next_start_removes_a_sockets_file_at_which_nobody_listens(tmp_path):
    (orphan := tmp_path / "tailguard-orphan").mkdir()
    (orphan / ".tailguard").write_text("tailguard 1 never token\n", encoding="utf-8")
    names = {name: tmp_path / name for name in ("dead", "alive", "file")}
    (orphan / "sockets").write_text("".join(f"{path}\n" for path in names.values()), encoding="utf-8")
    names["file"].write_text("mine", encoding="utf-8")
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX) as alive:
        dead.bind(str(names["dead"]))
        alive.bind(str(names["alive"]))
        alive.listen()
        assert sweep(tmp_path) == [orphan]
    assert {name for name, path in names.items() if path.exists()} == {"alive", "file"}


def test_a_stopped_childs_own_stopped_children_end_with_it(tmp_path):
    command = ["sh", "-c", "sleep 600 & echo $!; trap '' TERM; wait"]
    with owner(tmp_path, command=command) as process:
        child, folder, _ = started(process)
        assert eventually(lambda: (folder / "log").read_text(encoding="utf-8").strip())
        grandchild = int((folder / "log").read_text(encoding="utf-8"))
        for pid in (child, grandchild):
            os.kill(pid, signal.SIGSTOP)
        process.kill()
        process.wait(60)
    assert eventually(lambda: not alive(child) and not alive(grandchild) and not folder.exists())


# Ends itself, as by kill -9, when the first file of its folder is removed, whichever that is.
REMOVER = """
import os, signal, sys
from tailguard.base.processes import Watchdog
with Watchdog() as watchdog:
    folder = watchdog.folder("test-")
    (folder / "file").touch()
    print(folder, flush=True)
    sys.addaudithook(lambda event, _: os.kill(os.getpid(), signal.SIGKILL) if event == {event!r} else None)
"""


@pytest.mark.parametrize("event", ["os.remove", "os.rmdir"])
def test_a_folder_whose_removal_was_cut_off_is_still_known_as_ours_and_goes(event):
    with subprocess.Popen(
        [sys.executable, "-c", REMOVER.format(event=event)], stdout=subprocess.PIPE, text=True
    ) as process:
        folder = Path(process.stdout.readline().strip())
        assert process.wait(60) == -signal.SIGKILL
    assert eventually(lambda: not folder.parent.exists())
