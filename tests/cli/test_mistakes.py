"""What a user gets wrong is named, with the value and the next step, before anything is started or written."""

from pathlib import Path

import pytest

from tailguard.cli.main import run_cli
from tailguard.http.connections import is_address


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["jugde", "a.csv"], "No such command 'jugde'. Did you mean 'judge'?"),
        (["--nonsense"], "No such option '--nonsense'"),
        (["run", "--platform", "acme.pref:V1"], "Platform 'acme.pref:V1': module 'acme.pref' cannot be imported"),
        (["run", "--platform", "acme.perf"], "package.module:Name"),
        (["run", "--platform", "os:system"], "module 'os' has no class 'system'"),
        (["run", "--dsn", "postgresql//me:hunter22@h"], "write its beginning as postgresql://, as in"),
        (["run", "--scenario", "registraton"], "Did you mean 'registration'?"),
        (["run", "--profile", "smok"], "Did you mean 'smoke'?"),
        (["run", "--set", "load.rate_per_s=-1"], "load.rate_per_s must be at least 0.001"),
        (["run", "--config", "missing.toml"], "missing.toml"),
        (["run", "--objectives", "missing.toml"], "missing.toml"),
        (["run", "--nonsense"], "No such option"),
        (["report", "no-such-run"], "no-such-run is not a run"),
        (["history", "--runs-dir", "runz"], "There is no folder runz"),
        (["preflight-mapping", "--host", "staging"], "--host is 'staging': that is not an address of a service; write http://staging"),
        (["preflight-mapping", "--host", "https://staging"], "name a file with --target"),
        (["preflight-mapping", "--host", "https://staging", "--target", "t.toml"], "t.toml: No such file"),
    ],
)  # fmt: skip
def test_it_is_named_and_ends_with_64(words, says, own_folder, capsys):
    assert run_cli(words) == 64
    printed = capsys.readouterr().err
    assert says in printed
    assert "Traceback" not in printed
    assert "hunter22" not in printed
    assert list(own_folder.iterdir()) == []


def test_an_empty_folder_of_runs_is_told_and_stays_empty(own_folder, capsys):
    (own_folder / "runs").mkdir()
    assert run_cli(["history"]) == 0
    assert "There is no finished run in runs yet" in capsys.readouterr().out
    assert list((own_folder / "runs").iterdir()) == []


@pytest.mark.parametrize("host", ["http://h", "https://h:8443", "http://[::1]:80/"])
def test_an_address_is_one(host):
    assert is_address(host)


@pytest.mark.parametrize("host", ["h", "h:80", "ftp://h", "http://", "http://[::1", "http://h:port", ""])
def test_what_is_no_address_is_none(host):
    assert not is_address(host)
