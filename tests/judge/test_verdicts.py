"""A run on disk against its objectives: which samples count, and when a measurement is not trusted."""

import numpy as np
import pandas
import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.judge.objectives import only, parse_objectives
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.judge.verdicts import judge_run
from tailguard.record.chaos import Chaos, FaultWindow
from tailguard.record.doubt import LATE_GENERATOR, Doubt, Grade
from tailguard.record.run import Run
from tailguard.record.run_json import plain
from tailguard.record.samples import CONFLICT, ERROR
from tailguard.trust.suite_doubts import skipped_scenario, unchecked
from tests.support.runs_by_hand import HELD, made_run, samples_of

OBJECTIVES = parse_objectives(
    {
        "defaults": {"error_rate": "< 1%", "dependence": "independent"},
        "scenarios": {
            "upload": {
                "step": "put",
                "p95": "<= 75ms",
                "retry_rate": "< 2%",
                "steps": {"get": {"p95": "< 50ms"}},
            }
        },
    }
)
N = 1200
BOTH_STEPS = np.arange(N) % 2


def upload(**changes):
    """Uploads of 20 ms in 600 turns of two steps."""
    return samples_of(
        "upload", ("put", "get"), **{"response_ms": np.full(N, 20.0), "step": BOTH_STEPS} | changes
    )


def states(run, objectives=OBJECTIVES):
    """The states by objective, the scenario's name left out."""
    return {v.name.removeprefix("upload "): str(v.state) for v in judge_run(run, objectives)}


def test_a_sound_and_fast_run_passes_every_objective(tmp_path):
    """Latencies of both steps, retry rate and error rate."""
    verdicts = judge_run(made_run(tmp_path, upload=upload()), OBJECTIVES)
    assert {v.name: v.state for v in verdicts} == {
        "upload p95 <= 75ms": "PASS",
        "upload get p95 < 50ms": "PASS",
        "upload retry rate < 2%": "PASS",
        "upload error rate < 1%": "PASS",
    }


def test_a_scenario_without_a_limit_does_not_pass_by_its_error_rate_alone(tmp_path):
    asked = parse_objectives({"scenarios": {"upload": {"error_rate": "< 1%", "dependence": "independent"}}})
    unasked = replace(asked, unasked=("upload",))
    run = made_run(tmp_path / "well", upload=upload())
    assert states(run, asked) == {"error rate < 1%": "PASS"}
    (verdict,) = judge_run(run, unasked)
    assert (verdict.state, "nothing to judge: no limit is stated for upload" in verdict.why) == (
        State.INCONCLUSIVE,
        True,
    )
    broken = made_run(tmp_path / "broken", upload=upload(outcome=np.full(N, 2)))
    assert states(broken, unasked) == {"error rate < 1%": "FAIL"}


@pytest.mark.parametrize(("strict", "expected"), [("<=", "PASS"), ("<", "FAIL")])
def test_a_sample_exactly_at_the_limit_exceeds_only_a_strict_one(tmp_path, strict, expected):
    """215 ms to the nanosecond: within "<= 215ms", beyond "< 215ms"."""
    run = made_run(tmp_path, registration=samples_of("registration", ("register",), np.full(600, 215.0)))
    table = {"step": "register", "p95": f"{strict} 215ms", "dependence": "independent"}
    [verdict] = judge_run(run, parse_objectives({"scenarios": {"registration": table}}))
    assert verdict.state == expected


def test_latency_is_judged_on_ok_samples_of_its_step(tmp_path):
    """Slow failures, slow conflicts and the other step's samples are not in it; failures are in the error rate."""
    slow = np.where(BOTH_STEPS == 1, 60.0, 20.0)
    outcome = np.zeros(N, int)
    outcome[:60:2], outcome[60:120:2] = 2, 1
    slow[outcome > 0] = 500
    found = states(made_run(tmp_path, upload=upload(response_ms=slow, outcome=outcome)))
    assert found["p95 <= 75ms"] == "PASS"
    assert found["get p95 < 50ms"] == "FAIL"
    assert found["error rate < 1%"] == "FAIL"


def test_conflicts_are_in_no_rate(tmp_path):
    """Clean refusals, however many, are what the platform should do."""
    outcome = np.where(np.arange(N) % 3 == 0, 1, 0)
    verdicts = judge_run(made_run(tmp_path, upload=upload(outcome=outcome)), OBJECTIVES)
    errors = next(v for v in verdicts if v.objective.metric == "error_rate")
    assert (errors.state, errors.observed.value) == ("PASS", 0)
    assert errors.n <= (outcome == 0).sum()


def test_the_retry_rate_is_of_the_named_step(tmp_path):
    """3 % of the uploads retried breach 2 %; as many of the reads do not."""
    retried = (np.arange(N) % 14 == 0).astype(int)
    assert states(made_run(tmp_path / "a", upload=upload(retries=retried)))["retry rate < 2%"] == "FAIL"
    assert (
        states(made_run(tmp_path / "b", upload=upload(retries=np.roll(retried, 1))))["retry rate < 2%"]
        == "PASS"
    )


@pytest.mark.parametrize(("every", "state"), [(100, "PASS"), (10, "FAIL")])
def test_the_refusal_rate_is_that_of_all_samples_also_when_none_is_left_to_be_ok(tmp_path, every, state):
    outcome = np.where(np.arange(N) % every == 0, CONFLICT, ERROR)
    objectives = parse_objectives(
        {
            "defaults": {"dependence": "independent"},
            "scenarios": {"upload": {"refusal_rate": "<= 4%"}},
        }
    )
    (verdict,) = judge_run(made_run(tmp_path, upload=upload(outcome=outcome)), objectives)
    assert verdict.state == state
    assert verdict.observed.value == 1 / every
    assert verdict.observed.n == N


def test_the_observed_quantile_is_that_of_pandas_on_the_saved_samples(tmp_path):
    """One can recompute it from samples.parquet, bit for bit."""
    response_ms = np.random.default_rng(1).lognormal(2, 0.5, N)
    run = made_run(tmp_path, upload=upload(response_ms=response_ms))
    frame = pandas.read_parquet(run.samples_path)
    put = frame[(frame.step == "put") & (frame.outcome == "ok")]
    times_ms = (put.ended_ns - put.intended_ns) / 1e6
    verdict = judge_run(run, OBJECTIVES)[0]
    assert verdict.observed.value == np.percentile(times_ms, 95, method="inverted_cdf")
    assert verdict.observed.low <= verdict.observed.value <= verdict.observed.high


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"because": "interrupted by the user"}, "incomplete: interrupted by the user"),
        ({"invariants": [replace(HELD, held=False, observed="3")]}, "no tournament over capacity"),
        (
            {
                "doubts": [
                    Doubt(
                        kind=LATE_GENERATOR,
                        scenario="upload",
                        grade=Grade.GRAVE,
                        measured="p99 80 ms",
                        limit="10 ms",
                        remedy="free a core",
                    )
                ]
            },
            "late generator: p99 80 ms",
        ),
    ],
)
def test_a_run_that_cannot_be_trusted_is_invalid_and_says_why(tmp_path, changes, named):
    """An incomplete run, a broken invariant, a grave doubt: never PASS, never FAIL."""
    for response_ms in (20.0, 900.0):
        run = made_run(
            tmp_path / str(response_ms), upload=upload(response_ms=np.full(N, response_ms)), **changes
        )
        verdicts = judge_run(run, OBJECTIVES)
        assert {v.state for v in verdicts} == {"INVALID"}
        assert all(named in v.why for v in verdicts)


LATE = Doubt(
    kind=LATE_GENERATOR,
    scenario="upload",
    grade=Grade.GRAVE,
    measured="70 ms",
    limit="50 ms",
    remedy="free a core",
)
IMPOSSIBLE = replace(LATE, kind="impossible_times")
S3_DOWN = Chaos(
    recover_s=5.0,
    ordered=("S3 down",),
    windows=(FaultWindow(label="S3 down", began_ns=0, ended_ns=1),),
    outages={},
    recoveries=(),
)


def chaos_run(folder, *, doubts, chaos, **changes):
    """A run whose record says what was done to it."""
    return made_run(folder, upload=upload(**changes), doubts=doubts, chaos=chaos)


def test_under_faults_a_late_generator_takes_latencies_away_and_leaves_rates(tmp_path):
    """Whether an answer was an error does not depend on how punctually it was asked for."""
    run = chaos_run(tmp_path, doubts=[LATE], chaos=S3_DOWN)
    assert states(run) == {
        "p95 <= 75ms": "INVALID",
        "get p95 < 50ms": "INVALID",
        "retry rate < 2%": "PASS",
        "error rate < 1%": "PASS",
    }
    rates = [v for v in judge_run(run, OBJECTIVES) if v.objective.metric != "latency"]
    assert all("late generator invalidates only latencies" in v.why for v in rates)


def test_under_faults_too_many_errors_fail_though_the_generator_was_late(tmp_path):
    """The doubt saves no platform."""
    outcome = np.where(np.arange(N) % 5 == 0, 2, 0)
    run = chaos_run(tmp_path, doubts=[LATE], chaos=S3_DOWN, outcome=outcome)
    assert states(run)["error rate < 1%"] == "FAIL"


@pytest.mark.parametrize(("errors", "expected"), [(60, "PASS"), (180, "FAIL"), (120, "INCONCLUSIVE")])
def test_under_faults_the_share_of_errors_in_the_whole_plan_is_judged(tmp_path, errors, expected):
    """In one planned burst: without faults a burst of this length leaves an objective undecided."""
    objectives = parse_objectives({"scenarios": {"upload": {"step": "put", "error_rate": "< 10%"}}})
    outcome = np.zeros(N, int)
    outcome[200 : 200 + errors] = 2
    run = chaos_run(tmp_path, doubts=[], chaos=S3_DOWN, outcome=outcome)
    assert states(run, objectives) == {"error rate < 10%": expected}
    [verdict] = judge_run(run, objectives)
    assert (verdict.n, verdict.exceedances, verdict.rule) == (
        N,
        errors,
        "exact binomial",
    )


@pytest.mark.parametrize(("doubt", "chaos"), [(LATE, None), (IMPOSSIBLE, S3_DOWN)])
def test_without_faults_or_for_another_reason_a_grave_doubt_takes_everything_away(tmp_path, doubt, chaos):
    """A late generator offers another load than it claims; wrong times are wrong under faults too."""
    run = chaos_run(tmp_path, doubts=[doubt], chaos=chaos)
    assert set(states(run).values()) == {"INVALID"}


@pytest.mark.parametrize("doubt", [replace(LATE, grade=Grade.WARN), replace(LATE, scenario="other")])
def test_lesser_doubts_and_doubts_of_others_change_nothing(tmp_path, doubt):
    """A warning is shown, not obeyed."""
    assert set(states(made_run(tmp_path, upload=upload(), doubts=[doubt])).values()) == {"PASS"}


def test_a_missing_scenario_is_invalid(tmp_path):
    """An objective without its scenario is never a pass."""
    run = made_run(tmp_path, other=samples_of("other", ("put",), np.full(600, 1.0)))
    assert set(states(run).values()) == {"INVALID"}
    assert "missing" in judge_run(run, OBJECTIVES)[0].why


def test_a_scenario_that_was_skipped_is_not_judged_and_says_why(tmp_path):
    """Nobody failed, and nothing was shown: neither PASS nor FAIL."""
    run = made_run(tmp_path, registration=samples_of("registration", ("register",), np.full(600, 1.0)))
    run.put_doubts([skipped_scenario("upload", "the target has no S3")])
    found = judge_run(run, OBJECTIVES)
    assert {verdict.state for verdict in found} == {State.INCONCLUSIVE}
    assert {verdict.why for verdict in found} == {"not measured: the target has no S3"}


def test_nothing_passes_whose_invariants_were_left_out_and_what_is_breached_stays_so(tmp_path):
    slow = np.where(BOTH_STEPS == 1, 200.0, 20.0)
    run = made_run(tmp_path, upload=upload(response_ms=slow))
    run.put_doubts([unchecked("upload", "no DSN"), unchecked("another", "no till")])
    found = {verdict.name: verdict for verdict in judge_run(run, OBJECTIVES)}
    assert found["upload get p95 < 50ms"].state is State.FAIL
    left = found["upload p95 <= 75ms"]
    assert left.state is State.INCONCLUSIVE
    assert left.why.startswith("not judged, as invariants were not checked: no DSN (the samples alone: ")


def test_invariants_of_another_scenario_take_nothing_away(tmp_path):
    run = made_run(tmp_path, upload=upload())
    run.put_doubts([unchecked("another", "no till")])
    assert {verdict.state for verdict in judge_run(run, OBJECTIVES)} == {State.PASS}


def test_a_missing_step_and_zero_ok_samples_are_invalid(tmp_path):
    """A step nobody came to; a step where everything failed."""
    only_put = samples_of("upload", ("put",), np.full(600, 1.0))
    assert states(made_run(tmp_path / "a", upload=only_put))["get p95 < 50ms"] == "INVALID"
    all_failed = upload(outcome=np.full(N, 2))
    found = states(made_run(tmp_path / "b", upload=all_failed))
    assert found["p95 <= 75ms"] == "INVALID"
    assert found["error rate < 1%"] == "FAIL"


def test_a_run_that_measured_nothing_is_invalid(tmp_path):
    """Stopped before its first sample: there is not even a samples file."""
    assert set(states(made_run(tmp_path, because="interrupted")).values()) == {"INVALID"}


def test_one_narrow_fail_in_a_run_of_many_objectives_is_inconclusive(tmp_path):
    """Holm over the FAILs of a run: p = 0.003 among four objectives needs 0.0025."""
    late = np.zeros(N)
    late[np.flatnonzero(BOTH_STEPS == 0)[:: 600 // 46][:46]] = 100
    run = made_run(tmp_path, upload=upload(response_ms=20 + late))
    alone = parse_objectives(
        {"scenarios": {"upload": {"step": "put", "p95": "<= 75ms", "dependence": "independent"}}}
    )
    verdict = judge_run(run, OBJECTIVES)[0]
    p = judge_run(run, alone)[0].p_fail
    assert verdict.state == ("FAIL" if p <= 0.0025 else "INCONCLUSIVE")


def test_a_verdict_holds_the_objective_and_what_decided_it(tmp_path):
    """Beside the whole of what was observed, in the objective's own unit."""
    verdicts = judge_run(made_run(tmp_path, upload=upload()), OBJECTIVES)
    assert tuple(each.objective for each in verdicts) == OBJECTIVES.items
    assert plain(verdicts[0]).keys() == {
        "kind", "name", "state", "objective", "n", "exceedances", "observed",
        "alpha", "rule", "dependence", "tau", "p_fail", "why",
    }  # fmt: skip
    assert verdicts[0].observed.n == N // 2
    assert verdicts[0].headroom == pytest.approx(75 / 20)
    assert verdicts[-1].headroom is None


def test_the_same_run_judged_again_gives_the_same_verdicts(tmp_path):
    """By what the record keeps of the objectives, bit for bit."""
    slow = upload(response_ms=np.random.default_rng(4).lognormal(3, 1, N))
    run = made_run(tmp_path, upload=slow, objectives=OBJECTIVES)
    run.put_verdicts(judge_run(run, OBJECTIVES))
    run.save()
    again = Run.load(run.folder)
    assert again.record.objectives == OBJECTIVES
    assert judge_run(again, again.record.objectives) == again.record.verdicts


@pytest.mark.parametrize(
    ("found", "held", "because", "code"),
    [
        (["PASS", "PASS"], True, None, 0),
        (["PASS", "INCONCLUSIVE"], True, None, 75),
        (["INCONCLUSIVE", "FAIL"], True, None, 99),
        (["FAIL", "INVALID"], True, None, 65),
        (["PASS"], False, None, 65),
        (["PASS"], True, "the database was killed", 65),
        ([], True, None, 65),
    ],
)
def test_the_exit_code_says_the_worst_that_happened(tmp_path, found, held, because, code):
    """65 before 99 before 75 before 0."""
    run = made_run(tmp_path, upload=upload(), invariants=[replace(HELD, held=held)], because=because)
    verdict = judge_run(run, OBJECTIVES)[0]
    run.put_verdicts([replace(verdict, state=State(state)) for state in found])
    assert run.record.deserved_exit_code == code


def test_scenarios_that_are_questions_of_their_own_do_not_correct_each_other(tmp_path):
    """Twenty good ones beside it take a narrow FAIL away, unless each is judged among its own."""
    names = [f"test_{number}" for number in range(20)]
    table = {"step": "go", "p95": "<= 10ms", "dependence": "independent"}
    objectives = parse_objectives({"scenarios": {"narrow": table, **dict.fromkeys(names, table)}})
    good = {name: samples_of(name, ("go",), np.full(200, 1.0)) for name in names}
    slow = samples_of("narrow", ("go",), np.where(np.arange(150) % 16 < 2, 99.0, 1.0))
    run = made_run(tmp_path, narrow=slow, **good)
    name = "narrow p95 <= 10ms"
    assert states(run, objectives)[name] == "INCONCLUSIVE"
    alone = replace(objectives, together="scenario")
    assert states(run, alone)[name] == "FAIL"
    assert states(run, only(alone, ["narrow"])) == {name: "FAIL"}
    rule = StoppingRule(alone)
    rule("narrow", slow)
    assert rule.standing("narrow") == {name: "FAIL"}
