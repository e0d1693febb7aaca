"""`tailguard config set`, `freeze` and `diff`: a file is changed in one place, written whole, and two runs compared."""

import msgspec
import pytest

from tailguard.cli.main import run_cli
from tailguard.config.merge import load_config
from tailguard.record.part import Document
from tests.support.made_run import record, write_run
from tests.support.made_samples import samples

FILE = '# ours\nprofile = "ci"  # in each job\n\n[load]\nworkers = 3 # the service has three\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAILGUARD_CONFIG")
    return tmp_path


@pytest.fixture
def file(folder):
    path = folder / "tailguard.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_one_value_is_set_and_all_else_stays(file, capsys):
    file.chmod(0o640)
    assert run_cli(["config", "set", "load.rate_per_s", "80"]) == 0
    assert "load.rate_per_s = 80.0" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == FILE + "rate_per_s = 80.0\n"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_file_and_its_tables_are_made_if_they_are_missing(folder):
    assert run_cli(["config", "set", "load.rate_per_s", "40", "--profile", "mine"]) == 0
    assert run_cli(["config", "set", "seed", "3"]) == 0
    config = load_config("mine", environ={})
    assert (config.load.rate_per_s, config.seed) == (40.0, 3)
    assert load_config("ci", environ={}).load.rate_per_s != 40.0


def test_a_limit_whose_quantile_has_a_dot_is_one_key(file):
    assert run_cli(["config", "set", "scenario.checkout.slo.pay p99.9", "<= 900ms"]) == 0
    assert file.read_text(encoding="utf-8").endswith('[scenario.checkout.slo]\n"pay p99.9" = "<= 900ms"\n')


def test_a_pyproject_keeps_the_value_in_its_own_table(folder):
    path = folder / "pyproject.toml"
    path.write_text('[project]\nname = "shop"\n\n[tool.tailguard]\nseed = 2\n', encoding="utf-8")
    assert run_cli(["config", "set", "seed", "3"]) == 0
    assert path.read_text(encoding="utf-8").endswith("[tool.tailguard]\nseed = 3\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["load.rate_per_s", "fast"], "must be a number, not 'fast'"),
        (["load.rate", "5"], "unknown key 'load.rate'"),
        (["seed", "3", "--profile", "mine"], "profile is 'ci', not a table"),
    ],
)
def test_a_wrong_value_leaves_the_file_as_it_was(file, capsys, words, why):
    assert run_cli(["config", "set", *words]) == 64
    assert why in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == FILE


def test_a_file_that_cannot_be_written_is_whole_afterwards(file, monkeypatch, capsys):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tailguard.record.files.os.fsync", full)
    assert run_cli(["config", "set", "seed", "3"]) == 64
    assert "No space left on device" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == FILE
    assert [path.name for path in file.parent.iterdir()] == ["tailguard.toml"]


def test_a_frozen_file_gives_the_same_configuration_whatever_the_first_becomes(file, capsys):
    asked = load_config(file=file, sets=["load.warmup=7"], environ={})
    assert run_cli(["config", "freeze", "frozen.toml", "--set", "load.warmup=7"]) == 0
    file.unlink()
    again = load_config(file="frozen.toml", environ={})
    assert (again.sha256, again.profile, again.load.warmup) == (asked.sha256, "ci", 7)
    assert run_cli(["config", "freeze", "frozen.toml"]) == 64
    assert "already there" in capsys.readouterr().err


def test_a_secret_is_not_frozen(folder, monkeypatch, capsys):
    monkeypatch.setenv("TAILGUARD_DATABASE__DSN", "postgresql://guard:hunter22@db/arena")
    assert run_cli(["config", "freeze", "frozen.toml"]) == 0
    assert "database.dsn" in capsys.readouterr().out
    assert "hunter22" not in (folder / "frozen.toml").read_text(encoding="utf-8")


def test_a_secret_in_the_suites_own_file_is_not_frozen_either(folder):
    (folder / "tailguard.toml").write_text(
        '[target]\nurl = "http://guard:hunter22@shop.example"\n'
        '[database]\ndsn = "postgresql://guard:hunter22@db/arena"\n'
        '[[scenario.look.steps]]\nname = "look"\npath = "/"\n',
        encoding="utf-8",
    )
    assert run_cli(["config", "freeze", "frozen.toml"]) == 0
    assert "hunter22" not in (folder / "frozen.toml").read_text(encoding="utf-8")


def test_what_is_as_by_default_can_be_left_out(file, capsys):
    assert run_cli(["config", "show", "--changed"]) == 0
    out = capsys.readouterr().out
    assert "load.workers" in out
    assert "seed" not in out


def test_two_runs_differ_in_the_values_that_are_told(folder, capsys):
    made = record(samples(50))
    write_run(folder / "one", made, None)
    other = Document({"seed": 1, "load": {"rate_per_s": 80.0, "users": 4}, "database": {"dsn": "***"}})
    write_run(folder / "two", msgspec.structs.replace(made, config=other), None)
    assert run_cli(["config", "diff", "one", "two"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "load.rate_per_s: 100.0 -> 80.0",
        "load.workers: 8 -> (unset)",
        "load.users: (unset) -> 4",
    ]
    assert run_cli(["config", "diff", "one", "one"]) == 0
    assert "are the same" in capsys.readouterr().out
