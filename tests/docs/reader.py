"""Follows a page in a folder as a reader does: writes its files, types its commands."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from tailguard.base.ports import free_port
from tests.docs.page import Console, ShownFile

BIN = Path(sys.executable).parent
HERE = "http://127.0.0.1:8000"
ANSWERS_WITHIN_S, LIMIT_S = 60, 300
# A verdict depends on the machine; that there is one does not.
VERDICTS = {0, 65, 75, 99}
JUDGES = re.compile(r"tailguard (run|reproduce|duet|experiment|bench|judge|gate|migrate prove)|locust ")
PYTEST, FAILED = re.compile(r"\bpytest\b"), {0, 1}
# So few samples that a run takes seconds; the verdict is then INCONCLUSIVE, as a rule.
SHORT = {
    "TAILGUARD_LOAD__MAX_SECONDS": "3",
    "TAILGUARD_LOAD__MIN_SAMPLES": "10",
    "TAILGUARD_LOAD__MAX_SAMPLES": "30",
}
# What stands for a reader's own servers and patience.
HERE_INSTEAD = {
    r"https://staging\.example\S*": HERE,
    r"-t \d+[ms]\b": "-t 2s",
    r" --open\b": "",
    r"tailguard (bench|duet|experiment)": r"tailguard \1 --minutes 0.1",
}


class Reader:
    """Types in a folder, with `instead` in the place of what a reader's machine has."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.port = folder, str(free_port())
        self.instead = dict(HERE_INSTEAD)
        self._started: list[subprocess.Popen[str]] = []
        ours = ("TAILGUARD_", "PYTEST_", "CI")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        who = {
            f"GIT_{who}_{what}": "reader@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        path = f"{programs}:{BIN}:{os.environ['PATH']}"
        self.environ = {**kept, **SHORT, **who, "PATH": path, "COLUMNS": "200"}

    def follows(self, block: ShownFile | Console) -> None:
        """Write a file, or type the commands of a block."""
        if isinstance(block, ShownFile):
            self.writes(block)
            return
        for command in block.commands:
            self.types(command)

    def writes(self, file: ShownFile) -> None:
        path = self.folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text.replace("8000", self.port), encoding="utf-8")

    def types(self, command: str, ends: set[int] | None = None) -> None:
        """Run a command, which must end with one of `ends` or, without any, as its kind may end."""
        if command.startswith("pip install"):
            for name in shlex.split(command)[2:]:
                assert version(name.partition("[")[0])
            return
        if "origin/main" in command and not (self.folder / ".git").exists():
            self.publishes()
        for there, here in self.instead.items():
            command = re.sub(there, here, command)
        command = command.replace("8000", self.port)
        if command.endswith("&"):
            self.starts(command.removesuffix("&"))
            return
        process = self._begin(command)
        text, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode in (ends or may_end(command)), f"{command}: {process.returncode}\n{text}"

    def starts(self, command: str) -> None:
        """Start a server and wait until its port answers."""
        self._begin(f"exec {command}", subprocess.DEVNULL)
        until = time.monotonic() + ANSWERS_WITHIN_S
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(self.port))) == 0:
                    return
            time.sleep(0.05)
        pytest.fail(f"{command}: nothing answers at port {self.port}")

    def serves_the_shop(self) -> None:
        """Serve the shop that the guides ask, at the port that they name."""
        beside = self.folder.parent
        shutil.copy(Path(__file__).with_name("shop.py"), beside / "the_shop.py")
        self.starts(f"uvicorn --app-dir {beside} the_shop:app --port {self.port}")

    def publishes(self) -> None:
        """Commit the folder as the branch that duets compare with."""
        words = "git init -q -b main && git add . && git commit -qm published"
        subprocess.run(
            f"{words} && git update-ref refs/remotes/origin/main HEAD",
            shell=True,
            cwd=self.folder,
            env=self.environ,
            check=True,
        )

    def leaves(self) -> None:
        """End what still runs."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.communicate()

    def _begin(self, command: str, out: int = subprocess.PIPE) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environ,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process


def may_end(command: str) -> set[int]:
    """Return the exit codes that say that a command did what the page says of it."""
    if PYTEST.search(command):
        return FAILED
    return VERDICTS if JUDGES.search(command) else {0}


def asks_here(commands: list[str]) -> bool:
    """Return whether a page's commands ask a server that none of them starts."""
    typed = [re.sub(there, here, each) for each in commands for there, here in HERE_INSTEAD.items()]
    return any(HERE in each for each in typed) and not any(each.endswith("&") for each in commands)
