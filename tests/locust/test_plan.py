"""What a Locust run is planned from, and what its page shows."""

import pytest

from perf.adapters.opening import secret_of_target
from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.config.merge import load_config
from tailguard.locust.master.live import COLUMNS, nothing_yet, row
from tailguard.locust.master.plan import configure, planned_of, settings_for_workers, target_of
from tailguard.locust.messages import ScheduleWords
from tailguard.locust.options import Selection
from tailguard.record.part import Estimate
from tailguard.suite.run import Target


def target(**given):
    chosen = Selection(**given)
    return target_of(chosen, configure(chosen, ["registration"]))


def test_a_target_is_described_by_the_configuration_file_if_that_has_one(tmp_path, monkeypatch):
    file = tmp_path / "tailguard.toml"
    file.write_text("seed = 3\n", encoding="utf-8")
    monkeypatch.setenv("TAILGUARD_CONFIG", str(file))
    assert target() == Target("")
    assert target(host="http://there/") == Target("http://there")
    file.write_text('seed = 3\n[target]\nhealth = "/up"\n', encoding="utf-8")
    assert target(host="http://there") == Target("http://there", str(file))


def test_a_file_that_was_named_for_its_target_must_have_one(tmp_path):
    (tmp_path / "t.toml").write_text("seed = 3\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"has no \[target\]"):
        target(target=str(tmp_path / "t.toml"))


def test_a_target_that_is_described_must_be_somewhere(tmp_path):
    (tmp_path / "t.toml").write_text("[target]\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no --host says where it is"):
        target(target=str(tmp_path / "t.toml"))


def test_without_a_way_to_log_in_the_next_step_is_named(monkeypatch):
    monkeypatch.delenv("DELTACROWN_SECRET", raising=False)
    with pytest.raises(UsageError, match="--tailguard-target"):
        secret_of_target()


def test_a_live_row_shows_what_was_seen_and_leaves_open_what_is_not_decided():
    observed = Estimate(value=0.0123, low=0.01, high=None, level=0.99, n=1200)
    assert row("error rate < 1%", 1200, observed, "error_rate", State.INCONCLUSIVE) == {
        "objective": "error rate < 1%",
        "n": "1,200",
        "observed": "1.23 %",
        "interval": "1 % to ?",
        "verdict": "still open",
    }
    found = Estimate(value=12.34, low=10.0, high=15.0, level=0.99, n=3)
    assert row("p95", 3, found, "latency", State.PASS)["observed"] == "12.3 ms"
    assert set(nothing_yet(["p95"])[0]) == set(COLUMNS)


def test_workers_are_told_every_setting_but_no_secret_and_no_fault():
    secrets = ("database.dsn=postgresql://u:hush@db/x", "target.url=http://u:hush@there")
    config = configure(Selection(profile="chaos", sets=secrets), ["registration"])
    told = settings_for_workers(config)
    assert "hush" not in str(told)
    assert {name for name, value in config.settings.items() if value.value != told[name]} == {
        "database.dsn",
        "target.url",
    }
    assert told.keys() == config.settings.keys()
    assert (told["chaos.faults"], load_config("chaos").chaos.faults != []) == ([], True)


def test_the_most_iterations_of_a_scenario_are_its_schedules_or_what_the_configuration_allows():
    config = configure(Selection(sets=("load.max_samples=70",)), ["registration"])
    assert planned_of(config, ["registration"], {}) == {"registration": 70}
    words = ScheduleWords(text="constant", rate_per_s=10.0, duration_s=3.0, seed=1)
    assert planned_of(config, ["registration"], {"registration": words}) == {"registration": 30}
