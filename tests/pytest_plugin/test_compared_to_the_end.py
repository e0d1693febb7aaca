"""`@pytest.mark.slo(compare=...)` until it is decided, or interrupted: minutes of pairs of real processes."""

import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from tailguard.base.errors import InterruptedRunError
from tailguard.compare.verification import verify
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tests.support.repository import git
from tests.support.shop_in_git import TEST, commit
from tests.support.waiting import eventually

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.proof

SAME = """
    @pytest.mark.slo(compare="HEAD~1", minutes=1)
    def test_same(slo):
        slo(price)
"""
ORDER = """
    from shop import order

    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["asyncio"])
    @pytest.mark.slo(compare="{}")
    async def test_order(slo):
        await slo(order)
"""


@pytest.fixture
def slower(shop):
    """The shop at two commits after its first, of which the former is slower and the latter changes nothing."""
    commit(shop, 0.0015)
    git(shop.path, "commit", "-q", "--allow-empty", "-m", "nothing")
    return shop


def runs(project):
    """The runs of a project, in their order, each of which can be verified."""
    found = [Run.load(folder) for folder in sorted((project.path / "runs").glob("2*"))]
    assert [verify(run) for run in found] == [[] for _ in found]
    return found


def test_a_slower_commit_fails_an_equal_one_does_not_and_both_runs_are_whole(slower):
    done = slower.test("--junit-xml=junit.xml", tests=TEST.format("HEAD~2") + SAME)
    counts = done.parseoutcomes()
    assert counts["failed"] == 1, done.stdout.str()
    assert counts.get("passed", 0) + counts.get("inconclusive", 0) == 1, done.stdout.str()
    done.stdout.fnmatch_lines(
        [
            "slo: 2 tests compare with a commit in pairs of processes, for at most 6 min",
            "FAIL: test_shop.py::test_price p50 of call against the baseline",
            "  baseline *",
            "  pairs        *, of which * are slower",
            "* metrics, compared with a commit: * FAIL",
            "Report: *",
        ]
    )
    assert 'name="slo.change"' in (slower.path / "junit.xml").read_text(encoding="utf-8")
    late, equal = runs(slower)
    assert late.record.deserved_exit_code == late.record.exit_code == 99
    assert late.record.duet.sides["baseline"].label.startswith("HEAD~2 at ")
    assert equal.record.exit_code in {0, 75}
    assert [*equal.record.scenarios] == ["test_shop.py::test_same"]


def test_workers_of_xdist_compare_one_after_the_other_and_an_async_call_on_its_tests_loop(slower):
    done = slower.test_apart("-n", "2", tests=TEST.format("HEAD~2") + ORDER.format("HEAD~2"))
    assert done.parseoutcomes()["failed"] == 2, done.stdout.str()
    for name in ("test_price", "test_order[[]asyncio[]]"):
        done.stdout.fnmatch_lines([f"*FAIL: test_shop.py::{name} p50 of call against the baseline"])
    first, second = runs(slower)
    assert [run.record.exit_code for run in (first, second)] == [99, 99]
    assert first.record.finished_utc <= second.record.created_utc


@pytest.fixture
def temporary(monkeypatch):
    """The temporary folder of what is started, with a short path: sockets stand in it."""
    with TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.mark.parametrize(("reached", "pairs"), [("run.json", 0), ("blocks/002-*.parquet", 1)])
def test_ctrl_c_saves_the_pairs_so_far_and_leaves_neither_processes_nor_folders(
    slower, temporary, reached, pairs
):
    slower.write(test_shop="import pytest\n" + TEST.format("HEAD~1").replace("\n    ", "\n"))
    words = [sys.executable, "-m", "pytest", "-p", "no:locust", "-p", "no:cacheprovider"]
    log = slower.path / "log"
    with log.open("w") as output, subprocess.Popen(words, stdout=output, stderr=output) as pytest_process:
        eventually(lambda: list((slower.path / "runs").glob(f"2*/{reached}")), log=log.read_text)
        below = psutil.Process(pytest_process.pid).children(recursive=True)
        pytest_process.send_signal(signal.SIGINT)
        assert pytest_process.wait(60) == pytest.ExitCode.INTERRUPTED
    said = log.read_text(encoding="utf-8")
    assert "KeyboardInterrupt" in said
    [run] = runs(slower)
    assert run.record.ended is Ended.INTERRUPTED
    assert len(run.record.duet.blocks) >= pairs
    assert run.record.exit_code == run.record.deserved_exit_code == InterruptedRunError.exit_code
    assert f"`tailguard report {run.folder}` writes its report" in said
    assert [each for each in below if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert list(temporary.iterdir()) == []
