"""What a Locust run is planned from, and what its page shows."""

from types import SimpleNamespace

import pytest

from perf import parts
from perf.mapping.target import NEEDED, load_target
from perf.mapping.template import fill, with_environment
from perf.seeded_shard import seeded_for
from perf.targets import secret_of
from reference.seed import Seeded, SeedSize
from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.config.merge import load_config
from tailguard.locust.master.live import COLUMNS, nothing_yet, row
from tailguard.locust.master.plan import settings_for_workers, target_of
from tailguard.record.part import Estimate


def options(**given):
    return SimpleNamespace(tailguard_target=None, tailguard_config=None, **given)


def test_the_shipped_example_speaks_the_real_platforms_contract(pytestconfig):
    target = load_target(pytestconfig.rootpath / "docs" / "examples" / "deltacrown.toml")
    register, submit = target.steps["register"], target.steps["submit"]
    assert (register.method, register.path, register.expect) == (
        "POST",
        "/api/tournaments/registrations/solo/",
        {201},
    )
    assert register.conflict_if == [(400, "already registered")]
    assert submit.path == "/api/tournaments/results/{match.id}/submit-result/"
    assert set(submit.body) == {"participant1_score", "participant2_score"}
    assert target.feed["key_path"] == "data.match_id"
    assert set(target.skipped(NEEDED)) == {"economy_transfer", "certificate_upload"}
    assert target.throttled == {429}


def test_the_lanes_of_a_seed_share_its_matches_out_and_leave_none_behind():
    whole = Seeded.of(SeedSize())
    live = whole.live_tournaments[1]
    shards = [set(seeded_for(shard, 3).matches_of(live)) for shard in range(3)]
    assert set.union(*shards) == set(whole.matches_of(live))
    assert sum(map(len, shards)) == len(whole.matches_of(live))
    assert seeded_for(1, 3).users == whole.users


def test_a_configuration_file_without_a_target_names_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAILGUARD_CONFIG")
    assert target_of(options(), parts) is None
    (tmp_path / "tailguard.toml").write_text("seed = 3\n", encoding="utf-8")
    assert target_of(options(), parts) is None
    (tmp_path / "tailguard.toml").write_text('seed = 3\n[target]\nhealth = "/up"\n', encoding="utf-8")
    assert target_of(options(), parts).health == "/up"


def test_a_file_that_was_named_for_its_target_must_have_one(tmp_path):
    (tmp_path / "t.toml").write_text("seed = 3\n", encoding="utf-8")
    named = SimpleNamespace(tailguard_target=str(tmp_path / "t.toml"), tailguard_config=None)
    with pytest.raises(UsageError, match=r"has no \[target\]"):
        target_of(named, parts)


def test_without_a_way_to_log_in_the_next_step_is_named(monkeypatch):
    monkeypatch.delenv("DELTACROWN_SECRET", raising=False)
    with pytest.raises(UsageError, match="--tailguard-target"):
        secret_of(None)


def test_templates_keep_a_values_type_where_it_stands_alone():
    values = {"user": {"id": 7, "name": "Zoë"}, "key": "k"}
    assert fill({"id": "{user.id}", "text": "{user.name}-{key}", "list": ["{user.id}"]}, values) == {
        "id": 7,
        "text": "Zoë-k",
        "list": [7],
    }
    with pytest.raises(UsageError, match="its pool has id, name"):
        fill("{user.nick}", values)
    assert with_environment({"a": ["${X}!"]}, "here", {"X": "1"}) == {"a": ["1!"]}


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
    config = load_config("chaos", sets=["database.dsn=postgresql://u:hush@db/x"])
    told = settings_for_workers(config)
    assert "hush" not in str(told)
    assert set(config.settings) - set(told) == {"database.dsn", "s3.endpoint"}
    assert (told["chaos.faults"], config.get("chaos.faults") != []) == ([], True)
