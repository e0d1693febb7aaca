"""`tailguard config show` prints every value with its source, and never a secret."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.cli.main import run_cli
from tailguard.config.merge import load_config
from tailguard.pipeline.opened_suite import open_suite


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def shown(capsys, *arguments):
    assert run_cli(["config", "show", *arguments]) == 0
    return capsys.readouterr().out


def test_each_key_is_a_line_with_value_and_source(capsys):
    lines = shown(capsys, "--profile", "ci", "--set", "load.workers=3").splitlines()
    assert lines[0].startswith("profile ci, sha256 ")
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines[2:] if not line.startswith(" ")}
    assert set(rows) == set(open_suite(load_config("ci"))[0].settings)
    assert rows["load.workers"] == ["3", "--set"]
    assert rows["load.max_samples"] == ["5000", "profile ci"]
    assert rows["seed"] == ["1", "default"]


def test_the_columns_are_aligned(capsys):
    lines = [line for line in shown(capsys).splitlines()[2:] if not line.startswith(" ")]
    starts = {line.index(" default") for line in lines if line.endswith(" default")}
    assert len(starts) == 1


def test_explain_says_what_a_key_means(capsys):
    assert "# folder that the runs are written to" in shown(capsys, "--explain")
    assert "# folder" not in shown(capsys)


def test_json_has_the_same_values_and_the_hash_of_a_run(capsys):
    record = json.loads(shown(capsys, "--json", "--profile", "full"))
    config, _ = open_suite(load_config("full"))
    assert (record["profile"], record["sha256"]) == ("full", config.sha256)
    assert record["values"]["load.max_samples"]["value"] == config.load.max_samples
    assert record["values"]["load.max_samples"]["source"] == "profile full"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_password_is_never_shown(capsys, monkeypatch, form):
    monkeypatch.setenv("TAILGUARD_DATABASE__DSN", "postgresql://guard:hunter22@db/arena")
    out = shown(capsys, *form)
    assert "hunter22" not in out
    assert "postgresql://guard:***@db/arena" in out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--profile", "smok"], "Did you mean 'smoke'?"),
        (["--set", "load.rate=1"], "Did you mean 'load.rate_per_s'?"),
        (["--config", "missing.toml"], "missing.toml"),
    ],
)
def test_a_mistake_is_a_usage_error_without_a_traceback(capsys, arguments, named):
    assert run_cli(["config", "show", *arguments]) == 64
    told = capsys.readouterr().err
    assert named in told
    assert "Traceback" not in told


def test_the_installed_command_names_file_and_line_of_a_broken_file(tmp_path):
    """Also where the system's language is plain C."""
    (tmp_path / "tailguard.toml").write_text("seed = 1\nscenarios = [\n# Δ 東京\n", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("tailguard")), "config", "show"]
    plain = {"LANG": "C", "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        command, capture_output=True, cwd=tmp_path, env=plain, encoding="utf-8", check=False
    )
    assert ended.returncode == 64
    assert "tailguard.toml" in ended.stderr
    assert "not valid TOML" in ended.stderr
