"""The objectives file: exactly the promised limits, and a clear error for anything that is misspelt."""

import tomllib

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.judge.objective import parse_latency, parse_limit, parse_objective, parse_rate
from tailguard.judge.objectives import (
    assuming,
    load_margins,
    load_objectives,
    only,
    parse_objectives,
)
from tailguard.judge.objectives.configured import configured_objectives, configured_wait_limits
from tailguard.judge.sequential import look_counts
from tailguard.record.migration import WaitLimits
from tailguard.record.objective import Margin, Objectives
from tailguard.record.run_json import decode, encode
from tailguard.suite.scenario import Limits
from tests.support.suite import OBJECTIVES, ROOT

KNOWN = {
    "registration": ("register",),
    "result_submission": ("submit",),
    "websocket_broadcast": ("broadcast",),
    "economy_transfer": ("transfer",),
    "certificate_upload": ("upload", "presigned_read"),
    "large_certificate_upload": ("upload",),
}

PROMISED = {
    "registration p95 <= 215ms",
    "registration p99 <= 300ms",
    "result_submission p95 <= 167ms",
    "websocket_broadcast p95 < 5000ms",
    "economy_transfer p95 <= 265ms",
    "certificate_upload p95 <= 75ms",
    "certificate_upload p99 <= 120ms",
    "certificate_upload presigned_read p95 < 50ms",
    "certificate_upload retry rate < 2%",
    "large_certificate_upload p95 <= 1s",
    "large_certificate_upload retry rate < 2%",
    *(f"{slug} error rate < 1%" for slug in KNOWN),
}


def test_the_shipped_file_promises_exactly_the_table():
    """Every limit of the platform's promise and our own of large certificates, no more and no less."""
    objectives = load_objectives(OBJECTIVES, known=KNOWN)
    assert {item.name for item in objectives.items} == PROMISED
    assert len(objectives.items) == len(PROMISED)
    assert all(rule.alpha == 0.01 and rule.dependence == "bursty" for rule in objectives.rules.values())


def test_each_promise_is_parsed_into_its_numbers():
    """Quantile or ratio, limit in ms, strictness, step, allowed share."""
    by_name = {item.name: item for item in load_objectives(OBJECTIVES, known=KNOWN).items}
    read = by_name["certificate_upload presigned_read p95 < 50ms"]
    assert (read.step, read.q, read.limit_ms, read.strict, read.p0) == (
        "presigned_read",
        0.95,
        50.0,
        True,
        0.05,
    )
    retries = by_name["certificate_upload retry rate < 2%"]
    assert (retries.metric, retries.step, retries.max_ratio, retries.p0) == (
        "retry_rate",
        "upload",
        0.02,
        0.02,
    )
    errors = by_name["registration error rate < 1%"]
    assert (errors.metric, errors.step, errors.p0) == ("error_rate", "", 0.01)
    assert by_name["registration p99 <= 300ms"].p0 == 0.01


@pytest.mark.parametrize(
    ("text", "q", "limit_ms", "strict"),
    [
        ("p95<=215ms", 0.95, 215, False),
        (" p99 < 1.5s ", 0.99, 1500, True),
        ("p99.9≤250us", 0.999, 0.25, False),
        ("p50 <= 2e3 µs", 0.5, 2, False),
    ],
)
def test_an_objective_is_read_as_people_write_it(text, q, limit_ms, strict):
    """Spaces, units and the sign for at most."""
    objective = parse_objective(text)
    assert (objective.q, objective.limit_ms, objective.strict) == (q, limit_ms, strict)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("p95 < 215", "no unit"),
        ("p95 < 215 parsecs", "'parsecs'"),
        ("p95 > 215ms", "sets no limit"),
        ("p95", "no limit"),
        ("", "no limit"),
        ("p95 <= ms", "not a limit"),
        ("p95 <= -1ms", "not a limit"),
        ("p95 <= nanms", "not a limit"),
        ("p95 <= 0ms", "not a limit"),
        ("p100 <= 1ms", "not a quantile"),
        ("p0 <= 1ms", "not a quantile"),
        ("mean <= 1ms", "not a quantile"),
        ("95 <= 1ms", "not a quantile"),
    ],
)
def test_an_objective_that_does_not_parse_is_quoted(text, named):
    """The error names the text and what is missing."""
    with pytest.raises(UsageError, match=named) as error:
        parse_objective(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("bound", ["< 1", "< 1ms", "< 0%", "< 100%", "1%"])
def test_a_rate_that_is_not_a_percentage_is_refused(bound):
    """0 % cannot be tested, and 100 % says nothing."""
    with pytest.raises(UsageError):
        parse_rate("error_rate", bound)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[scenarios.registraton]\nstep='register'\np95='<= 1ms'", "did you mean 'registration'"),
        ("[scenarios.registration]\nstep='registr'\np95='<= 1ms'", "did you mean 'register'"),
        ("[scenarios.certificate_upload.steps.presigned]\np95='<= 1ms'", "did you mean 'presigned_read'"),
        ("[scenarios.registration]\nretry_rat='< 1%'", "did you mean 'retry_rate'"),
        ("[scenarios.registration]\nmedian='<= 1ms'", "'median' is unknown"),
        ("[scenarios.registration]\np95='215'", r"\[scenarios.registration\]: '215' is not a limit"),
        ("[scenarios.registration]\np95=215", "write it as text"),
        ("[scenarios]\nregistration='fast'", "it is a table"),
        ("[scenario.registration]\np95='<= 1ms'", "did you mean 'scenarios'"),
        ("[defaults]\nerror_rat='< 1%'", "did you mean 'error_rate'"),
        ("[defaults]\nconfidence=99\n[scenarios.registration]\np95='<= 1ms'", "confidence is 99"),
        ("[scenarios.registration]\ndependence='busty'\np95='<= 1ms'", "'busty'"),
        ("[scenarios.registration]\nfirst_look=0.5\np95='<= 1ms'", "first_look is 0.5"),
        ("[scenarios.registration]", "has no objective"),
        ("", "has no objective"),
        ("[scenarios.registration\n", "line 1"),
        ("[gate]\np95='10'\n[scenarios.registration]\np95='<= 1ms'", r"\[gate\]: '10' is not a percentage"),
        ("[gate]\nflor='1ms'\n[scenarios.registration]\np95='<= 1ms'", "did you mean 'floor'"),
        (
            "[gate.floors]\nregistraton='1ms'\n[scenarios.registration]\np95='<= 1ms'",
            "did you mean 'registration'",
        ),
    ],
)
def test_a_mistake_names_file_entry_and_the_next_step(tmp_path, toml, named):
    """Nothing misspelt is ever silently left out."""
    path = tmp_path / "mine.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(UsageError, match=named) as error:
        load_objectives(path, KNOWN)
    assert "mine.toml" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    """With the option that names another."""
    with pytest.raises(UsageError, match="--objectives"):
        load_objectives(tmp_path / "none.toml")


def recorded(objectives):
    """The objectives as run.json has them."""
    return decode(encode(objectives), Objectives)


def test_the_record_of_a_run_reads_back_to_the_same_objectives():
    """What run.json keeps is enough to judge again, without knowing the scenarios."""
    objectives = load_objectives(OBJECTIVES, known=KNOWN)
    assert recorded(objectives) == objectives


def test_a_step_left_out_is_the_first_one_and_stays_so_in_the_record():
    """A short file for a platform of one's own."""
    short = {"scenarios": {"certificate_upload": {"p95": "<= 75ms"}}}
    objectives = parse_objectives(short, known=KNOWN)
    assert objectives.items[0].step == "upload"
    assert recorded(objectives).items == objectives.items
    with pytest.raises(UsageError, match="no step"):
        parse_objectives(short)


def test_a_scenario_without_a_table_has_the_error_rate_of_every_scenario():
    """A new scenario is never without any promise."""
    known = KNOWN | {"ticket_sale": ("buy",)}
    assert [item.name for item in load_objectives(OBJECTIVES, known=known).of("ticket_sale")] == [
        "ticket_sale error rate < 1%"
    ]


def test_objectives_can_be_narrowed_to_the_scenarios_of_a_run():
    """And nothing else changes."""
    whole = load_objectives(OBJECTIVES, known=KNOWN)
    one = only(whole, ["economy_transfer"])
    assert {item.scenario for item in one.items} == {"economy_transfer"}
    assert one.items == whole.of("economy_transfer")
    assert one.rules == {"economy_transfer": whole.rules["economy_transfer"]}


def test_without_an_objective_of_its_scenarios_a_run_cannot_be_judged():
    with pytest.raises(UsageError, match=r"objectives\.toml has no objective"):
        only(load_objectives(OBJECTIVES, known=KNOWN), ["ticket_sale"])


def test_what_clients_of_a_build_may_wait_is_parsed_and_the_usual_without_a_word(tmp_path):
    file = tmp_path / "slo.toml"
    scenario = '[scenarios.a]\nerror_rate = "< 1%"\n'
    for text, limits in (
        ("", WaitLimits(max_wait_ms=500.0)),
        ('[migrations]\nmax_wait = "2s"\n', WaitLimits(max_wait_ms=2000.0)),
        ('[migrations]\nmax_p99_growth = "50ms"\n', WaitLimits(max_p99_growth_ms=50.0)),
    ):
        file.write_text(scenario + text, encoding="utf-8")
        assert configured_wait_limits(load_config(flags={"objectives": str(file)})) == limits


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('max_waits = "2s"', r"\[migrations\]: 'max_waits' is unknown; did you mean 'max_wait'"),
        ("max_wait = 2", r"\[migrations\]: max_wait is 2; write it as text, such as '500ms'"),
        (
            'max_wait = "0s"',
            r"\[migrations\]: max_wait is '0s': every lock takes some time; write '500ms'",
        ),
    ],
)
def test_a_wait_that_cannot_be_is_named_with_its_place(line, message):
    document = tomllib.loads(f'[scenarios.a]\nerror_rate = "< 1%"\n[migrations]\n{line}\n')
    with pytest.raises(UsageError, match=message):
        parse_objectives(document)


def test_the_margins_of_the_gate_are_parsed_into_their_numbers():
    margins = load_margins(OBJECTIVES, known=KNOWN)
    assert margins.quantiles == (Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.10))
    assert margins.floor_of("registration") == 0.1
    assert margins.floor_of("certificate_upload") == 0.5


def test_another_assumption_is_kept_in_the_record():
    """The profile's dependence and confidence overrule the file, and are said in what is saved."""
    assumed = assuming(load_objectives(OBJECTIVES, known=KNOWN), dependence="independent", confidence=0.95)
    assert {(rule.alpha, rule.dependence) for rule in assumed.rules.values()} == {(0.05, "independent")}
    assert recorded(assumed).rules == assumed.rules


def test_a_name_without_scenario_is_the_bare_objective():
    """Files of other tools have no scenario."""
    assert parse_latency("p95", "<= 215 ms").name == "p95 <= 215ms"


def test_a_run_is_first_looked_at_when_it_has_its_least_samples(monkeypatch, tmp_path):
    """Earlier looks would gain nothing and could be misled by a noisy start; the record keeps them."""
    monkeypatch.chdir(tmp_path)
    config = load_config("smoke", file=ROOT / "tailguard.toml", sets=["load.min_samples=700"], environ={})
    objectives = configured_objectives(config, KNOWN)
    assert {next(look_counts(rule)) for rule in objectives.rules.values()} == {700}
    assert recorded(objectives).rules == objectives.rules


def test_a_configuration_chooses_scenarios_and_file(monkeypatch, tmp_path):
    """Only those of the run are judged."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(
        "[scenarios.registration]\np95='<= 1ms'\n[scenarios.economy_transfer]\np50='< 1s'", "utf-8"
    )
    config = load_config(
        "smoke", flags={"objectives": "mine.toml", "scenarios": ["registration"]}, environ={}
    )
    assert [item.name for item in configured_objectives(config, KNOWN).items] == ["registration p95 <= 1ms"]


STATED = {
    "registration": Limits(("p95 <= 1ms", "error rate < 2%")),
    "certificate_upload": Limits(("presigned_read p99 <= 9ms",)),
}


def test_a_scenario_may_state_its_limits_itself_beside_those_of_the_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(
        "[defaults]\nerror_rate = '< 1%'\n[scenarios.registration]\np99='< 1s'", "utf-8"
    )
    names = ["registration", "certificate_upload"]
    config = load_config("smoke", flags={"objectives": "mine.toml", "scenarios": names}, environ={})
    assert {item.name for item in configured_objectives(config, KNOWN, STATED).items} == {
        "registration p95 <= 1ms",
        "registration p99 < 1s",
        "registration error rate < 2%",
        "certificate_upload presigned_read p99 <= 9ms",
        "certificate_upload error rate < 1%",
    }


def test_without_a_file_what_scenarios_state_is_judged_and_their_error_rate_too(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tailguard.toml").write_text("[suite]\n", "utf-8")
    config = load_config("smoke", environ={})
    objectives = configured_objectives(
        config, {"search": (), "pay": ("pay",)}, {"search": Limits(("find it p95<=2s",))}
    )
    assert [item.name for item in objectives.items] == [
        "search find it p95 <= 2s",
        "search error rate < 1%",
        "pay error rate < 1%",
    ]


def test_a_scenario_states_the_share_of_each_refusal_beside_its_limits(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tailguard.toml").write_text("[suite]\n", "utf-8")
    stated = {"pay": Limits(("pay refusal rate <= 9%",), {"HTTP 409": "<= 1%"})}
    objectives = configured_objectives(load_config("smoke", environ={}), {"pay": ("pay",)}, stated)
    found = {item.name: (item.metric, item.step, item.refusal) for item in objectives.items}
    assert found == {
        "pay error rate < 1%": ("error_rate", "", ""),
        "pay pay refusal rate <= 9%": ("refusal_rate", "pay", ""),
        "pay refusal rate of HTTP 409 <= 1%": ("refusal_rate", "", "HTTP 409"),
    }


def test_a_step_has_rates_of_its_own():
    table = {"steps": {"presigned_read": {"error_rate": "< 2%", "refusal_rate": "<= 3%"}}}
    found = parse_objectives({"scenarios": {"certificate_upload": table}}, known=KNOWN)
    assert [(item.metric, item.step) for item in found.items] == [
        ("error_rate", "presigned_read"),
        ("refusal_rate", "presigned_read"),
    ]


def test_a_limit_that_the_file_states_otherwise_is_refused_with_both(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("[scenarios.registration]\np95='<= 2ms'", "utf-8")
    config = load_config(
        "smoke", flags={"objectives": "mine.toml", "scenarios": ["registration"]}, environ={}
    )
    with pytest.raises(UsageError, match=r"states p95 <= 1ms, and mine.toml p95 <= 2ms: leave one out"):
        configured_objectives(config, KNOWN, STATED)


ASKED_OF = {"browse": ("find", "open"), "buy": ("pay",), "free": ()}


def asked(*texts, scenarios=("browse", "buy"), stated=None):
    known = {name: ASKED_OF[name] for name in scenarios}
    config = load_config("smoke", environ={})
    return [item.name for item in configured_objectives(config, known, stated or {}, texts).items]


@pytest.fixture
def no_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tailguard.toml").write_text("[suite]\n", "utf-8")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pay p99 <= 900ms", "buy p99 <= 900ms"),
        ("open p95 <= 9ms", "browse open p95 <= 9ms"),
        ("buy p95 <= 9ms", "buy p95 <= 9ms"),
        ("browse: find p95 <= 9ms", "browse p95 <= 9ms"),
        ("browse: p95 <= 9ms", "browse p95 <= 9ms"),
        ("buy : error rate < 5%", "buy error rate < 5%"),
    ],
)
def test_a_limit_that_is_asked_for_finds_its_scenario_by_name_or_by_step(no_file, text, name):
    assert name in asked(text)


def test_a_step_that_is_not_declared_may_have_the_name_of_its_scenario(no_file):
    limits = asked("free p95 <= 9ms", "free error rate < 2%", scenarios=["free", "buy"])
    assert limits[:2] == ["free free p95 <= 9ms", "free error rate < 2%"]


def test_of_one_scenario_alone_any_step_may_be_asked_for(no_file):
    assert asked("GET /cart p95 <= 9ms", "error rate < 3%", scenarios=["free"]) == [
        "free GET /cart p95 <= 9ms",
        "free error rate < 3%",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p95 <= 9ms", "which scenario? Write 'SCENARIO: p95 <= 9ms' with one of browse, buy"),
        ("error rate < 1%", "which scenario?"),
        ("pya p95 <= 9ms", "there is no step 'pya'. Did you mean 'pay'?"),
        ("p(95) < 9", "write 'p95 < 9ms'"),
        ("pay p95 >= 9ms", "'>=' sets no limit"),
    ],
)
def test_a_limit_that_is_asked_for_of_nobody_is_refused_with_what_is_missing(no_file, text, said):
    with pytest.raises(UsageError) as error:
        asked(text)
    assert said in str(error.value)


def test_a_limit_that_is_stated_twice_in_one_place_names_both(no_file):
    with pytest.raises(UsageError) as error:
        asked("pay p95 <= 9ms", "buy p95 <= 8ms")
    told = "--objective 'buy p95 <= 8ms' states p95 <= 8ms, and --objective 'pay p95 <= 9ms' p95 <= 9ms: leave one out"
    assert str(error.value) == told
    with pytest.raises(
        UsageError, match="scenario 'buy' states p95 <= 8ms, and scenario 'buy' p95 <= 9ms: leave"
    ):
        asked(stated={"buy": Limits(("pay p95 <= 9ms", "p95 <= 8ms"))})


def test_a_limit_of_a_flag_holds_in_place_of_the_scenarios_own(no_file):
    found = asked("pay p95 <= 9ms", stated={"buy": Limits(("pay p95 <= 8ms", "p99 <= 1s"))})
    assert [name for name in found if "buy p" in name] == ["buy p95 <= 9ms", "buy p99 <= 1s"]


def test_a_scenarios_own_limit_may_begin_with_its_name(no_file):
    assert "buy p95 <= 8ms" in asked(stated={"buy": Limits(("buy: pay p95 <= 8ms",))})


def test_a_key_of_a_file_may_have_a_step_and_words_as_a_limit_has(tmp_path):
    (tmp_path / "mine.toml").write_text(
        """
        [scenarios.registration]
        "register p95" = "<= 215ms"
        "error rate" = "< 2%"
        [scenarios.certificate_upload]
        p95 = "<= 75ms"
        "presigned_read p99" = "<= 120ms"
        "retry rate" = "< 2%"
        """,
        "utf-8",
    )
    found = load_objectives(tmp_path / "mine.toml", known=KNOWN)
    assert {item.name for item in found.items} == {
        "registration p95 <= 215ms",
        "registration error rate < 2%",
        "certificate_upload p95 <= 75ms",
        "certificate_upload presigned_read p99 <= 120ms",
        "certificate_upload retry rate < 2%",
    }


def test_a_key_of_a_file_that_does_not_parse_or_states_a_limit_again_is_refused(tmp_path):
    file = tmp_path / "mine.toml"
    for text, said in {
        '"pay p(95)" = "<= 1ms"': "is how k6 writes it",
        'p95 = "<= 1ms"\n"register p95" = "<= 2ms"': "p95 <= 2ms, and .*mine.toml p95 <= 1ms: leave one out",
        '"regster p95" = "<= 2ms"': "'regster' is unknown; did you mean 'register'",
        'steps = "x"\n"pay p95" = "<= 2ms"': "steps is 'x'; it is a table",
    }.items():
        file.write_text(f"[scenarios.registration]\n{text}", "utf-8")
        with pytest.raises(UsageError, match=said):
            load_objectives(file, known=KNOWN)


@pytest.mark.parametrize("text", ["p95", "95 <= 1ms", "search average <= 1ms", "p95 >= 1ms", ""])
def test_a_stated_limit_that_does_not_parse_is_quoted(text):
    with pytest.raises(UsageError, match=r"does not parse: write 'STEP p95 <= 250ms'"):
        parse_limit(text)
