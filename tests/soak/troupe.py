"""Processes of one soak, leader and standbys, and what must hold of the folder that they leave behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tailguard.compare.verification import verify
from tailguard.judge.soak.joining import terms_in
from tailguard.record.run import Run
from tailguard.record.samples.parquet import read_samples
from tailguard.record.soak import SoakFound, SoakTerm
from tailguard.record.soak.segments import RAW, SEGMENTS, segment_files
from tests.support.waiting import eventually

SCENARIO = """import tailguard as tg

@tg.scenario(rate="20/s", slo=["render p95 <= 5s"])
def pages(it: tg.Iteration):
    it.step("render", sorted, range(10))
"""
PATIENCE_S = 180.0


class Troupe:
    """A soak of an hour in `folder`, whose lease is in the database of `dsn`."""

    def __init__(self, folder: Path, stage: "subprocess.Popen[str]", dsn: str, ttl_s: float) -> None:
        self.folder, self._stage = folder, stage
        self._words = ["soak", "perf_pages.py", "--hours", "1", "--set", "placement.pin=false"]
        self._words += [
            "--set",
            "soak.segment_s=0.5",
            "--set",
            f"soak.ttl_s={ttl_s}",
            "--set",
            f"soak.lease={dsn}",
        ]
        self.pids: list[int] = []

    def start(self, *more: str) -> int:
        """Start a process; return its number."""
        assert self._stage.stdin is not None
        assert self._stage.stdout is not None
        self._stage.stdin.write(json.dumps([*self._words, *more]) + "\n")
        self._stage.stdin.flush()
        self.pids.append(pid := int(self._stage.stdout.readline()))
        return pid

    def standby(self) -> int:
        """Start a standby; return its number once it waits."""
        pid = self.start("--standby")
        self.says(pid, "Standing by")
        return pid

    def log(self, pid: int) -> str:
        path = self.folder / f"{pid}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def says(self, pid: int, text: str, times: int = 1) -> None:
        """Wait until a process has said something that often."""
        eventually(lambda: self.log(pid).count(text) >= times, PATIENCE_S, log=lambda: self.log(pid))

    @property
    def run(self) -> Path:
        return (self.folder / "runs/latest").resolve()

    @property
    def fence(self) -> int:
        """The highest fence that a term was written for."""
        return max((term.fence for term in terms_in(self.run)), default=0)

    def leader_after(self, fence: int) -> SoakTerm:
        """Wait until a leader with a higher fence has written a segment; return its term."""

        def newest() -> SoakTerm | None:
            terms = terms_in(self.run) if (self.folder / "runs/latest").exists() else ()
            written = {of for _, of, _ in segment_files(self.run / SEGMENTS)}
            return next((each for each in terms[::-1] if each.fence > fence and each.fence in written), None)

        found = eventually(
            newest, PATIENCE_S, log=lambda: "\n".join(self.log(each) for each in self.pids[-3:])
        )
        assert found is not None
        return found

    def end(self) -> Run:
        """Interrupt the leader, which ends the soak; return what it left."""
        os.kill(leader := pid_of(self.leader_after(0)), signal.SIGINT)
        self.says(leader, "All is saved")
        return Run.load(self.run)

    def kill_all(self) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def pid_of(term: SoakTerm) -> int:
    return int(term.owner.split(":")[1])


@contextmanager
def troupe(folder: Path, dsn: str, ttl_s: float = 0.5) -> Iterator[Troupe]:
    """Yield the processes of one soak; all are gone afterwards."""
    (folder / "perf_pages.py").write_text(SCENARIO, encoding="utf-8")
    program = [sys.executable, str(Path(__file__).with_name("stage.py"))]
    with subprocess.Popen(
        program, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as stage:
        made = Troupe(folder, stage, dsn, ttl_s)
        try:
            yield made
        finally:
            made.kill_all()
            stage.kill()


def check(run: Run) -> SoakFound:
    """No fence had two leaders, no segment is lost or counted twice, and all that is said follows from the files."""
    soak = run.record.soak
    assert soak is not None
    found = soak.found
    assert found is not None
    fences = [term.fence for term in soak.terms]
    assert fences == sorted(set(fences))
    refused = {each.file for each in found.refused}
    counted = [
        (number, fence)
        for number, fence, path in segment_files(run.folder / SEGMENTS)
        if f"{SEGMENTS}/{path.name}" not in refused
    ]
    assert [number for number, _ in counted] == [*range(found.segments)]
    assert found.missing == 0
    raw = {(number, fence): path for number, fence, path in segment_files(run.folder / RAW)}
    samples = sum(len(each) for key in counted for each in read_samples(raw[key]).values())
    assert sum(step.counts.total for step in found.scenarios["pages"].steps.values()) == samples
    assert len(found.gaps) == len({fence for _, fence in counted}) - 1 + (counted[-1][1] != fences[-1])
    assert verify(run) == []
    return found
