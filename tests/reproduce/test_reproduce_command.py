"""`tailguard reproduce` plays the recorded commit, whatever the work tree is now, and compares the two runs."""

from pathlib import Path

import pytest

from tailguard.record.run import Run
from tests.support.busy_machine import earned, grave
from tests.support.installed import typed
from tests.support.repository import git

pytestmark = pytest.mark.system

FILE = """import tailguard as tg

@tg.scenario(rate="100/s", slo=["render p95 <= 20s"])
def pages(it: tg.Iteration):
    it.record("drawn", it.rng.randrange(1000))
    it.step("render", sorted, range(it.number))
"""


def test_the_recorded_commit_is_played_again_and_compared(tmp_path: Path) -> None:
    folder = tmp_path / "shop"  # the suite is in a folder of the repository
    folder.mkdir()
    (folder / "perf_pages.py").write_text(FILE, encoding="utf-8")
    (tmp_path / ".gitignore").write_text("runs\n", encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "First")
    done = typed(folder, "run", "perf_pages.py", "--duration", "1s", "--seed", "7")
    before = Run.load("latest", folder / "runs")
    assert earned(done.returncode, before.record) in {0, 75}, done.stderr
    (folder / "perf_pages.py").write_text("raise SystemExit('another version')\n", encoding="utf-8")

    done = typed(tmp_path, "reproduce", str(before.folder))
    again = Run.load("latest", folder / "runs")
    # One run against one decides nothing, and less than that if a busy machine spoilt one of them.
    spoilt = grave(before.record) | grave(again.record)
    assert done.returncode in ({65, 75} if spoilt else {75}), done.stderr
    assert "pages p95 of render: 1 against 1 runs" in done.stdout
    assert "Different" not in done.stderr
    assert again.record.id != before.record.id
    assert again.record.environment.git == before.record.environment.git
    entries = [run.record.scenarios["pages"] for run in (before, again)]
    assert entries[0].starts_sha256 == entries[1].starts_sha256
    drawn = [sorted(run.samples()["pages"].recorded.of("drawn").tolist()) for run in (before, again)]
    assert drawn[0] == drawn[1]

    git(tmp_path, "checkout", "-q", ".")
    done = typed(folder, "reproduce", "--iteration", "3", "--here")
    assert (done.returncode, "render: ok in" in done.stdout) == (0, True), done.stderr
    assert "no PostgreSQL of this run is used" in done.stdout
