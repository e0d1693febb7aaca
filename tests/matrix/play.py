"""Plays a cell: a real run by the installed command, its fault, and what is left of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from tailguard.base.ports import free_port
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tests.matrix.cells import ALL_OF_US, HUNG, INTERRUPTED, JUDGED, MARKS, REFUSED, STOPPED_S, Cell
from tests.matrix.parts import Family

WORLD = Path(__file__).parent / "world"
BIN = Path(sys.executable).parent
# A phase that has begun goes on for a while: the fault meets it in its midst.
DELAY_S = 0.4
# Five seconds are promised; a machine that others keep busy takes longer to end processes.
PROMPT_S = 10.0
# A run of this suite takes 20 s on an idle machine; whoever shares it may make that some minutes, nobody an hour.
LIMIT_S, GONE_S = 240.0, 30.0
# Locust itself traces, at its end, a worker that it cannot find any more.
OF_LOCUST = re.compile(r"Traceback(?:(?!Traceback).)*kill_workers.*?No child processes", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Played:
    """How a cell ended: `outcome` is "survived", "lost", "absent", or "missed" if the fault was not made."""

    cell: str
    outcome: str
    why: tuple[str, ...] = ()
    exit_code: int | None = None
    ended: str = ""
    seconds: float = 0.0  # from the fault (of a pause: its end) to the prompt

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def play(cell: Cell) -> Played:
    """Play a cell. Leaves nothing behind."""
    if why := cell.absent():
        return Played(cell.name, "absent", (why,))
    # Short, for a socket's path has about 100 bytes; open, for the servers may run as another user.
    folder = Path(tempfile.mkdtemp(prefix="mx"))
    folder.chmod(0o755)
    try:
        return _Play(cell, folder).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Play:
    def __init__(self, cell: Cell, folder: Path) -> None:
        self.cell, self.folder = cell, folder
        (folder / "tmp").mkdir(mode=0o1777)
        (folder / "tmp").chmod(0o1777)
        self.text: list[str] = []
        self.faulted = threading.Event()
        self.fault_s = 0.0
        self.missed = ""
        self.port = free_port()

    def run(self) -> Played:
        with (
            subprocess.Popen(
                self._command(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=WORLD,
                env=self._environment(),
                text=True,
                errors="replace",
                start_new_session=True,
            ) as process,
            Family(psutil.Process(process.pid), self.folder / "tmp") as family,
        ):
            reader = threading.Thread(target=self._read, args=[process, family], daemon=True)
            reader.start()
            wrong = []
            try:
                code = process.wait(LIMIT_S)
                seconds = time.monotonic() - self.fault_s
            except subprocess.TimeoutExpired:
                code, seconds = None, LIMIT_S
                wrong = [f"did not end within {LIMIT_S:g} s"]
            if self.cell.part == ALL_OF_US:
                self._next_start()
            wrong += [f"left: {each}" for each in family.left(GONE_S)] if code is not None else []
            family.end()
            reader.join(5)
        return self._judged(code, seconds, wrong)

    def _read(self, process: "subprocess.Popen[str]", family: Family) -> None:
        assert process.stdout is not None
        mark = MARKS[self.cell.phase]
        for line in process.stdout:
            self.text.append(line)
            if mark in line and not self.faulted.is_set():
                self.faulted.set()
                threading.Thread(target=self._make, args=[family], daemon=True).start()

    def _make(self, family: Family) -> None:
        """Make the fault."""
        time.sleep(DELAY_S)
        if self.cell.part == HUNG:
            for process in family.database():
                process.suspend()
            time.sleep(DELAY_S)
        hit = family.find(self.cell.part)
        if not hit:
            self.missed = f"no {self.cell.part} was there"
        self._send(hit, self.cell.fault)
        if self.cell.fault == "STOP":
            time.sleep(STOPPED_S)
            self._send(hit, "CONT")

    def _send(self, processes: list[psutil.Process], name: str) -> None:
        self.fault_s = time.monotonic()
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(signal.Signals[f"SIG{name}"])

    def _next_start(self) -> None:
        """Start anything of ours there once more."""
        script = "from tailguard.base.processes import Watchdog\nwith Watchdog() as own: own.folder('next')"
        subprocess.run([sys.executable, "-c", script], env=self._environment(), check=True)

    def _judged(self, code: int | None, seconds: float, wrong: list[str]) -> Played:
        text = OF_LOCUST.sub("", "".join(self.text))
        if not self.faulted.is_set():
            wrong.append(f"{MARKS[self.cell.phase]!r} was never said")
        if self.missed:
            wrong.append(self.missed)
        if self.cell.is_ctrl_c and seconds > PROMPT_S:
            wrong.append(f"the prompt came back after {seconds:.1f} s")
        if code is not None and not self.cell.allows(code):
            wrong.append(f"exit code {code}")
        if found := re.search(
            r"Traceback.*?(?=\n\S*(Error|Exception))\n(.*)|Internal error", text, re.DOTALL
        ):
            wrong.append(f"a traceback: {(found[2] or found[0])[:200]}")
        ended, why = self._record(code)
        wrong += why
        if wrong:
            wrong += [line.strip() for line in self.text if line.startswith("Error")]
            wrong.append("".join(self.text)[-1500:])
        outcome = "lost" if wrong else "survived"
        if (
            self.missed or not self.faulted.is_set()
        ):  # a machine too busy to get that far, say: it is played again
            outcome = "missed"
        return Played(self.cell.name, outcome, tuple(wrong), code, ended, round(seconds, 1))

    def _record(self, code: int | None) -> tuple[str, list[str]]:
        """Read what the run left on disk: nothing, or one record with the process's own exit code."""
        folders = [each for each in (self.folder / "runs").glob("2*") if each.is_dir()]
        if not folders:
            return "no run", [] if self.cell.phase == "seed" else ["there is no record"]
        try:
            record = Run.load(folders[0]).record
        except Exception as error:  # noqa: BLE001  # whatever makes it unreadable
            return "", [f"the record cannot be read: {error}"]
        right = self.cell.ends_us or record.exit_code == code
        if code == INTERRUPTED and record.complete:  # it was judged before, and lacks its report alone
            right = record.exit_code in JUDGED
        if record.exit_code is None and not record.scenarios and code in (65, REFUSED):  # it never began
            right = record.ended is Ended.BROKE_OFF
        if record.exit_code is None and self.cell.part == HUNG:  # cut off: what was saved says so
            right = record.ended is Ended.RUNNING
        return str(record.ended), [] if right else [f"the record says {record.exit_code}"]

    def _command(self) -> list[str]:
        runs = str(self.folder / "runs")
        if self.cell.part == "Locust worker":
            port = str(free_port())  # several cells are played at once
            place = ["--master-bind-port", port, "--master-port", port]
            sets = [*place, "--tailguard-set", f"runs_dir={runs}", "--tailguard-set", "load.warmup=20"]
            # A user for each worker: more take so long to begin on a busy machine that locust gives the workers up.
            load = ["-u", "2", "-r", "2", "-t", "8s", "--processes", "2"]
            return [str(BIN / "locust"), "-f", "locust_world.py", "--headless", *load, *sets]
        return [str(BIN / "tailguard"), "run", "--config", "tailguard.toml", "--runs-dir", runs,
                "--scenario", "tell", "--scenario", "store"]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        theirs = ("TAILGUARD", "PG", "DATABASE", "PYTHON", "LOCUST", "COVERAGE")
        own = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
        return own | {"TMPDIR": str(self.folder / "tmp"), "PYTHONUNBUFFERED": "1"}
