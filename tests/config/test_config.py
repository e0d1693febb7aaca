"""The configuration merges its places in order, knows each value's source and refuses what it does not know."""

import re
import tomllib
from dataclasses import dataclass, fields, is_dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.config.layers import flatten
from tailguard.config.merge import SHIPPED, config_sha256, load_config
from tailguard.config.tables import Options
from tests.support.suite import ROOT

SHIPPED_TABLES = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
SUITE_TABLES = tomllib.loads((ROOT / "perf" / "profiles.toml").read_text(encoding="utf-8"))
SLUGS = SUITE_TABLES["defaults"]["scenarios"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Each test starts in a folder without a tailguard.toml."""
    monkeypatch.chdir(tmp_path)


def load(profile=None, environ=None, **kw):
    return load_config(profile, environ=environ or {}, **kw)


def load_suite(profile=None, **kw):
    """Load as this repository's suite does."""
    return load(profile, file=ROOT / "tailguard.toml", **kw)


def refusal(**kw):
    with pytest.raises(UsageError) as caught:
        load(**kw)
    return str(caught.value)


def test_each_place_overrides_the_one_before(tmp_path):
    """defaults < profile < file < environment < flags < --set, and the value says which it is."""
    key = "load.warmup"
    (tmp_path / "tailguard.toml").write_text("seed = 3\n\n[load]\nwarmup = 3\n", encoding="utf-8")
    assert (load("smoke").settings["load.workers"].source) == "default"
    assert load("ci").settings["load.max_samples"].source == "profile ci"
    assert (load("ci").settings[key].value, load("ci").settings[key].source) == (3, "tailguard.toml, line 4")
    environ = {"TAILGUARD_LOAD__WARMUP": "4"}
    by_variable = load("ci", environ)
    assert (by_variable.settings[key].value, by_variable.settings[key].source) == (
        4,
        "TAILGUARD_LOAD__WARMUP",
    )
    by_flag = load("ci", environ, flags={key: 5, "seed": None})
    assert (by_flag.settings[key].value, by_flag.settings[key].source) == (5, "flag")
    assert by_flag.seed == 3, "a flag that was not given changes nothing"
    by_set = load("ci", environ, flags={key: 5}, sets=["load.warmup=6"])
    assert (by_set.settings[key].value, by_set.settings[key].source) == (6, "--set")


def test_a_scenario_reads_load_overlaid_by_its_own():
    config = load_suite("smoke", sets=["scenario.registration.workers=3", "load.slice_s=2"])
    registration = config.load_of("registration")
    assert registration.workers == 3
    assert registration.slice_s == 2.0
    assert (
        registration.rate_per_s == SUITE_TABLES["profile"]["smoke"]["scenario"]["registration"]["rate_per_s"]
    )
    assert config.load_of("economy_transfer").workers == config.load.workers


def test_a_later_load_value_beats_an_earlier_scenario_value():
    """`--set load.rate_per_s=10` means every scenario, also those to which the profile gave a rate of their own."""
    config = load_suite("smoke", sets=["load.rate_per_s=10"])
    assert {config.load_of(slug).rate_per_s for slug in SLUGS} == {10.0}
    both = load_suite("smoke", sets=["load.rate_per_s=10", "scenario.registration.rate_per_s=20"])
    assert both.load_of("registration").rate_per_s == 20.0


def test_only_the_broadcast_has_subscribers():
    config = load_suite()
    assert config.read("scenario.websocket_broadcast", Broadcast).subscribers == 50
    assert "scenario.registration.subscribers" not in config.settings
    assert "unknown key 'scenario.registration.subscribers'" in refusal(
        file=ROOT / "tailguard.toml", sets=["scenario.registration.subscribers=2"]
    )


def test_a_scenario_of_ones_own_takes_load_keys():
    config = load(sets=["scenarios=checkout", "scenario.checkout.rate_per_s=7"])
    assert config.load_of("checkout").rate_per_s == 7.0


def test_the_file_may_choose_a_profile_and_flag_and_variable_win(tmp_path):
    (tmp_path / "tailguard.toml").write_text('profile = "full"\n', encoding="utf-8")
    assert load().profile == "full"
    assert load(environ={"TAILGUARD_PROFILE": "ci"}).profile == "ci"
    assert load("smoke", environ={"TAILGUARD_PROFILE": "ci"}).profile == "smoke"


def test_the_file_may_define_and_extend_profiles(tmp_path):
    text = "[profile.mine]\nload.workers = 2\n[profile.ci]\nload.workers = 4\n"
    (tmp_path / "tailguard.toml").write_text(text, encoding="utf-8")
    assert load("mine").load.workers == 2
    ci = load("ci")
    assert ci.load.workers == 4
    assert ci.settings["load.workers"].source == "tailguard.toml, line 4"
    assert ci.load.max_samples == 5000, "the shipped profile still holds"


def test_another_file_is_named_by_argument_or_variable(tmp_path):
    other = tmp_path / "other.toml"
    other.write_text("seed = 9\n", encoding="utf-8")
    assert load(file=other).seed == 9
    assert load(environ={"TAILGUARD_CONFIG": str(other)}).seed == 9
    assert "missing.toml: No such file" in refusal(file="missing.toml")


@pytest.mark.parametrize(
    ("kw", "named"),
    [
        ({"profile": "smok"}, "Unknown profile 'smok'. Did you mean 'smoke'?"),
        ({"profile": "zzz"}, "full, pytest, smoke."),
        ({"sets": ["load.rate=1"]}, "--set: unknown key 'load.rate'. Did you mean 'load.rate_per_s'?"),
        (
            {"sets": ["scenarios=registration", "scenario.registration.wokers=2"]},
            "Did you mean 'scenario.registration.workers'?",
        ),
        ({"sets": ["load.workers"]}, "--set 'load.workers': write it as key=value"),
        ({"sets": ["load=3"]}, "write [load] and its keys below it"),
        ({"sets": ["load.workers=0"]}, "--set: load.workers must be at least 1, not 0."),
        ({"sets": ["load.workers=two"]}, "load.workers must be a whole number, not 'two'."),
        ({"sets": ["load.rate_per_s=nan"]}, "load.rate_per_s must be a finite number"),
        ({"sets": ["load.rate_per_s=-1"]}, "load.rate_per_s must be at least 0.001, not -1.0."),
        ({"sets": ["slo.confidence=1"]}, "slo.confidence must be at most 0.999999"),
        ({"sets": ["strict=maybe"]}, "strict must be true or false, not 'maybe'."),
        (
            {"sets": ["load.schedule=poison"]},
            "must be one of poisson, constant, ramp, steps, recorded, closed",
        ),
        ({"flags": {"seed": 1.5}}, "flag: seed must be a whole number, not 1.5."),
        ({"flags": {"seed": True}}, "flag: seed must be a whole number, not True."),
        ({"environ": {"TAILGUARD_LOAD__RATE_PERS": "1"}}, "Did you mean 'TAILGUARD_LOAD__RATE_PER_S'?"),
        ({"environ": {"TAILGUARD_SEED": "x"}}, "TAILGUARD_SEED: seed must be a whole number, not 'x'."),
    ],
)
def test_what_is_wrong_is_named_with_the_next_step(kw, named):
    assert named in refusal(**kw)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("seed = 1\n[load\n", "tailguard.toml, line 2, column 6: not valid TOML"),
        ("seed = 1\n\n[load]\nworker = 2\n", "tailguard.toml, line 4: unknown key 'load.worker'"),
        (
            '# first\nload.workers = "two"\n',
            "tailguard.toml, line 2: load.workers must be a whole number, not 'two'.",
        ),
        ('scenarios = "registration"\n', "tailguard.toml, line 1: scenarios must be a list of texts"),
        ("scenarios = [1]\n", "scenarios must be a list of texts, not [1]."),
        ("strict = 1\n", "strict must be true or false, not 1."),
        ("profile = 1\n", "tailguard.toml: profile must be a name, or tables [profile.NAME], not 1."),
        (
            "scenario.registration = 5\nscenarios = ['registration']\n",
            "line 1: unknown key 'scenario.registration'. It is a table",
        ),
    ],
)
def test_a_mistake_in_the_file_is_found_by_its_line(tmp_path, text, named):
    (tmp_path / "tailguard.toml").write_text(text, encoding="utf-8")
    assert named in refusal()


def test_a_mistake_in_ones_own_profile_is_found_by_its_line(tmp_path):
    text = "seed = 1\n\n[profile.mine]\nload.worker = 2\n"
    (tmp_path / "tailguard.toml").write_text(text, encoding="utf-8")
    assert "tailguard.toml, line 4: unknown key 'load.worker'." in refusal(profile="mine")
    assert "Unknown profile 'mine2'. Did you mean 'mine'?" in refusal(profile="mine2")


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "tailguard.toml").write_bytes(b"seed = 1 # \xff\n")
    assert "tailguard.toml, line 1: it is not UTF-8 text" in refusal()


def test_variables_of_other_rooms_are_left_alone():
    others = {"TAILGUARD_FAULTS": "capacity", "DATABASE_URL": "postgresql://h/db", "PGHOST": "h"}
    assert load(environ=others).frozen() == load().frozen()


def test_a_secret_is_used_but_never_shown():
    dsn = "postgresql://guard:hunter22@db.example/arena"
    config = load(sets=[f"database.dsn={dsn}"])
    assert config.database.dsn == dsn
    assert config.frozen()["database"]["dsn"] == "postgresql://guard:***@db.example/arena"
    bare = load(sets=["database.dsn=hunter22"])
    assert bare.frozen()["database"]["dsn"] == "***"
    keywords = load(sets=["database.dsn=host=db user=guard password=hunter22"])
    assert keywords.frozen()["database"]["dsn"] == "host=db user=guard password=***"
    assert keywords.database.dsn.endswith("hunter22")


def test_a_key_without_a_default_is_unset_until_somebody_sets_it():
    """The confidence then is that of the objectives file."""
    assert load("smoke").slo.confidence is None
    assert load("smoke").frozen()["slo"]["confidence"] is None
    assert load("smoke", sets=["slo.confidence=0.95"]).slo.confidence == 0.95


def test_the_hash_is_of_the_values_not_of_their_sources():
    plain, same = load("smoke"), load("smoke", sets=["load.workers=8"])
    assert plain.sha256 == same.sha256 == config_sha256(plain.frozen())
    assert load("smoke", sets=["load.workers=9"]).sha256 != plain.sha256


def test_every_shipped_rule_and_profile_value_is_about_a_key():
    """A rule under a misspelt name would silently guard nothing."""
    keys = dict(flatten(SHIPPED_TABLES["defaults"]))
    rules = SHIPPED_TABLES["keys"]
    assert {name for name in rules if "kind" not in rules[name]} == set(keys), "each key says what it means"
    assert all(rule["about"] for rule in rules.values())
    for profile in SHIPPED_TABLES["profile"]:
        load(profile)
    own = dict(flatten(SUITE_TABLES["defaults"]))
    assert set(SUITE_TABLES["keys"]) == set(own) - set(keys), "so does each key of the suite"
    assert all(rule["about"] for rule in SUITE_TABLES["keys"].values())
    for profile in SUITE_TABLES["profile"]:
        load_suite(profile)


def test_the_smoke_profile_measures_less_than_a_minute():
    config = load_suite("smoke")
    loads = {slug: config.load_of(slug) for slug in SLUGS}
    assert sum(each.max_seconds for each in loads.values()) < 60
    for slug, each in loads.items():
        assert each.rate_per_s * each.max_seconds > each.min_samples * 1.3, (
            f"{slug} has room on a slow machine"
        )


@pytest.mark.system
@settings(deadline=None)  # a busy machine is not a failure
@given(st.dictionaries(st.sampled_from(["seed", "load.workers", "load.warmup"]), st.integers(1, 1000)))
def test_what_is_set_is_what_is_read(values):
    config = load(sets=[f"{name}={value}" for name, value in values.items()])
    assert {name: config.settings[name].value for name in values} == values


def test_the_merge_order_in_the_comment_is_the_one_that_holds():
    text = SHIPPED.read_text(encoding="utf-8")
    order = re.search(r"later wins: (.+)", text)[1]
    places = ["[defaults]", "[profile.NAME]", "tailguard.toml", "TAILGUARD_", "flags"]
    assert [order.index(place) for place in places] == sorted(order.index(place) for place in places)


@dataclass(frozen=True)
class Broadcast:
    subscribers: int
    patience_s: float = 5.0


def test_the_tables_are_typed_and_know_every_key():
    """A key that no field stands for could be read by nobody."""
    config = load("smoke", sets=["load.rate_per_s=7", "seed=3"])
    assert (config.load.rate_per_s, config.seed, config.slo.confidence) == (7.0, 3, None)
    typed = {
        f"{table.name}.{each.name}"
        for table in fields(Options)
        if is_dataclass(table.type)
        for each in fields(table.type)
    }
    typed |= {each.name for each in fields(Options) if not is_dataclass(each.type)}
    assert typed == set(SHIPPED_TABLES["keys"])


def test_a_suites_own_table_fills_a_dataclass_of_its_own():
    config = load_suite()
    assert config.read("scenario.websocket_broadcast", Broadcast) == Broadcast(50, 5.0)
    with pytest.raises(UsageError, match=r"scenario\.registration\.subscribers"):
        config.read("scenario.registration", Broadcast)


def test_a_scenarios_load_is_typed_too():
    config = load_suite("smoke", sets=["scenario.registration.workers=3"])
    assert config.load_of("registration").workers == 3
    assert config.load_of("registration").slice_s == config.load.slice_s


def test_a_list_is_replaced_by_a_later_one_and_extended_by_plus(tmp_path):
    (tmp_path / "tailguard.toml").write_text('"scenarios+" = ["mine"]\n', encoding="utf-8")
    suite_first = load("ci", flags={"scenarios": ["one", "two"]}, sets=["scenarios+=three, two"])
    assert suite_first.scenarios == ["one", "two", "three"]
    assert suite_first.settings["scenarios"].source == "flag + --set"
    added = load("ci", {"TAILGUARD_SCENARIOS": "one"})
    assert added.scenarios == ["one"], "a variable is later than the file, and replaces"
    assert load("ci").scenarios == ["mine"]
    assert "load.workers is not a list" in refusal(sets=["load.workers+=3"])


def test_a_profile_may_be_another_ones_alias(tmp_path):
    (tmp_path / "tailguard.toml").write_text(
        '[profile.pr]\nalias = "mine"\n[profile.mine]\nalias = "ci"\n', encoding="utf-8"
    )
    assert load("pr").profile == "ci"
    assert load("pr").sha256 == load("ci").sha256


@pytest.mark.parametrize(
    ("profiles", "why"),
    [
        ('[profile.a]\nalias = "b"\n[profile.b]\nalias = "a"\n', "go in a circle (a -> b -> a)"),
        ('[profile.a]\nalias = "ci"\nseed = 3\n', "its only key"),
        ('[profile.a]\nalias = "smke"\n', "Unknown profile 'smke'. Did you mean 'smoke'?"),
    ],
)
def test_an_alias_of_nothing_is_refused(tmp_path, profiles, why):
    (tmp_path / "tailguard.toml").write_text(profiles, encoding="utf-8")
    assert why in refusal(profile="a")
