"""What the tests of this room ask for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tailguard.cli.main import run_cli


@dataclass(frozen=True)
class Answer:
    """What the command answered."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@pytest.fixture
def judge(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Judge a file as the command line does."""

    def run(path: Path, *options: str, objective: str = "p50<=215ms") -> Answer:
        code = run_cli(["judge", str(path), "--objective", objective, *options])
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return run
