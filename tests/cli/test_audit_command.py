"""`tailguard audit` as a user types it: pack a run, check it in a folder that knows nothing of it."""

from pathlib import Path

import pytest

from tailguard.cli.main import run_cli
from tests.support.finished_runs import finished_run
from tests.support.installed import typed


@pytest.fixture(autouse=True)
def no_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAILGUARD_CONFIG")


@pytest.mark.system
def test_a_run_is_checked_where_nothing_else_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    file = elsewhere / "run.tar.zst"
    run = finished_run("run", tmp_path)
    packed = typed(tmp_path, "audit", str(run.folder), "-o", str(file))
    assert (packed.returncode, packed.stderr) == (0, "")
    checked = typed(elsewhere, "audit", "check", "run.tar.zst")
    assert checked.returncode == 0
    assert "the same bit for bit" in checked.stdout
    assert "the chain of runs begins here" in checked.stdout
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert run_cli(["audit", "check", str(file)]) == 65
    assert capsys.readouterr().err.startswith(f"Error: {file} is not as it was written: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["audit"], "Missing option '-o' / '--out'"),
        (["audit", "nothing", "-o", "a.tar.zst"], "nothing is not a run"),
        (["audit", "check", "none.tar.zst"], "Cannot read none.tar.zst: No such file"),
    ],
)
def test_the_word_after_audit_is_a_run_or_a_command(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(words) == 64
    assert said in capsys.readouterr().err
