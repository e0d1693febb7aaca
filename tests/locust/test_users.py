"""What locust finds in the scenarios, and that nobody else finds locust there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perf.platform import NEEDED
from tests.support.locust_runs import LOCUST, ROOT

USERS = {
    "RegistrationUser",
    "ResultSubmissionUser",
    "WebsocketBroadcastUser",
    "EconomyTransferUser",
    "CertificateUploadUser",
}


def run(*words, code=0, environment=None):
    done = subprocess.run(
        words,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@pytest.mark.system
def test_locust_lists_one_user_for_each_scenario_that_http_can_play():
    found = {
        line.strip() for line in run(LOCUST, "-f", "scenarios", "--list").splitlines() if line.startswith(" ")
    }
    assert found == USERS
    assert len(found) == len(NEEDED)


@pytest.mark.system
def test_in_process_the_scenarios_load_without_locust_and_have_no_users():
    code = (
        "import sys; from tailguard.config.merge import load_config;"
        "from tailguard.pipeline.opened_suite import open_suite; open_suite(load_config());"
        "import scenarios.locust_users as u; print(sorted(n for n in vars(u) if n.endswith('User')));"
        "print({'locust', 'gevent'} & set(sys.modules))"
    )
    assert run(sys.executable, "-c", code).split() == ["[]", "set()"]


@pytest.mark.system
def test_an_async_scenario_is_refused_by_name_with_the_command_that_plays_it(tmp_path):
    (tmp_path / "tailguard.toml").write_text('[suite]\nscenarios = ["shop.py"]', encoding="utf-8")
    (tmp_path / "shop.py").write_text(
        "import tailguard as tg\n@tg.scenario\nasync def find(it): ...\n", encoding="utf-8"
    )
    (tmp_path / "locust_users.py").write_text(
        "from tailguard.locust import users\nglobals().update(users(__file__))\n", encoding="utf-8"
    )
    done = subprocess.run(
        [LOCUST, "-f", "locust_users.py", "--list"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("TAILGUARD")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 64
    assert "scenario 'find' is async, which Locust's greenlets do not play" in done.stderr
    assert "play it with `tailguard run shop.py::find`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.proof
def test_a_wrong_objectives_file_ends_before_anything_starts(tmp_path):
    path = tmp_path / "o.toml"
    path.write_text('[scenarios.registratoin]\np95 = "<= 1ms"\n', encoding="utf-8")
    told = run(
        LOCUST, "-f", "scenarios", "--headless", "-u", "1", "-t", "5s", "--host", "http://127.0.0.1:1",
        "--tailguard-objectives", str(path), "RegistrationUser",
        code=64, environment={"DELTACROWN_SECRET": "x" * 40},
    )  # fmt: skip
    assert "did you mean 'registration'" in told


@pytest.mark.proof
def test_a_host_without_a_way_to_log_in_is_refused_with_the_next_step(tmp_path):
    environment = {"TAILGUARD_RUNS_DIR": str(tmp_path), "DELTACROWN_SECRET": ""}
    words = (
        "-f",
        "scenarios",
        "--headless",
        "-u",
        "1",
        "-t",
        "5s",
        "--host",
        "http://127.0.0.1:1",
        "RegistrationUser",
    )
    told = run(LOCUST, *words, code=64, environment=environment)
    assert "--tailguard-target" in told
    assert not Path(tmp_path, "latest", "samples.parquet").exists()


@pytest.mark.proof
def test_a_target_without_a_host_is_refused(tmp_path):
    (tmp_path / "t.toml").write_text("[target]\n", encoding="utf-8")
    words = ("-f", "scenarios", "--headless", "-t", "5s", "--tailguard-target", str(tmp_path / "t.toml"))
    assert "no --host says where it is" in run(LOCUST, *words, code=64)


@pytest.mark.system
def test_scenarios_that_a_toml_file_declares_are_users_like_others(tmp_path):
    (tmp_path / "shop.toml").write_text(
        '[[scenario.find.steps]]\nname = "find"\npath = "/find"\n', encoding="utf-8"
    )
    (tmp_path / "locust_users.py").write_text(
        "from tailguard.locust import users\nglobals().update(users(__file__))\n", encoding="utf-8"
    )
    listed = subprocess.run(
        [LOCUST, "-f", "locust_users.py", "--list"],
        cwd=tmp_path,
        env={**os.environ, "TAILGUARD_CONFIG": "shop.toml"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "FindUser" in listed.stdout
