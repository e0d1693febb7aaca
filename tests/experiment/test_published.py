"""Each experiment on a published claim can fail: with the remedy taken out, nothing is confirmed."""

import tomllib
from pathlib import Path

import pytest
import tomlkit

from tests.experiment.test_file import command
from tests.support.suite import ROOT

FILES = sorted((ROOT / "perf" / "experiments").glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_experiment_says_what_is_claimed_by_whom(file: Path) -> None:
    said = tomllib.loads(file.read_text(encoding="utf-8"))
    assert said["source"].startswith("the platform's optimisation backlog: ")
    assert said["baseline"] != said["candidate"]


@pytest.mark.proof
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_without_its_remedy_no_claim_is_confirmed(file: Path, tmp_path: Path) -> None:
    said = tomllib.loads(file.read_text(encoding="utf-8"))
    said["candidate"] = {**said["baseline"], "environ": {"NOTHING": "1"}}
    said["loads"] = said.get("loads", [])[:1]
    same = tmp_path / file.name
    same.write_text(tomlkit.dumps(said), encoding="utf-8")
    done = command(same, "--pairs", "10", "--set", f"runs_dir={tmp_path}")
    assert done.returncode in (75, 99), done.stdout + done.stderr
    assert any(word in done.stdout for word in ("Refuted: ", "Undecided: ")), done.stdout
