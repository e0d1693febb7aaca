"""The fixture `slo`: what it measures and where, what the marker states, and what the test's outcome then is."""

import json

import pytest

from tailguard.record.scenario import ClosedSchedule, PoissonSchedule
from tailguard.record.verdict import ObjectiveVerdict
from tests.support.each import each

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.system


def test_a_call_within_its_limits_passes_and_is_measured_into_a_run(project):
    done = project.test(
        tests="""
        @pytest.mark.slo("p95 <= 500ms")
        def test_find(slo):
            slo(time.sleep, 0.0001)
        """
    )
    assert done.ret == 0
    record = project.run.record
    assert [(each.name, each.state) for each in record.verdicts] == [
        ("test_shop.py::test_find p95 <= 500ms", "PASS"),
        ("test_shop.py::test_find error rate < 1%", "PASS"),
    ]
    assert record.complete
    assert record.command[0] == "pytest"
    assert isinstance(record.scenarios["test_shop.py::test_find"].schedule, ClosedSchedule)
    done.stdout.fnmatch_lines(["2 objectives: 2 PASS", f"Report: {project.run.folder}/report.html (file://*"])
    assert (project.run.folder / "report.html").exists()


def test_a_call_that_is_too_slow_fails_with_limit_observed_interval_n_and_the_run(project):
    done = project.test(
        "-p", "no:anyio",
        tests="""
        @pytest.mark.slo("p50 <= 0.5ms")
        def test_find(slo):
            slo(time.sleep, 0.002)
        """,
    )  # fmt: skip
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "FAIL: test_shop.py::test_find p50 <= 0.5ms",
            "*limit*<= 500*s",
            "*observed*ms [[]* ms, * ms] at 98 %",
            "*samples*100, of which 100 exceed the limit",
            f"*run*{project.run.folder}",
        ]
    )


def test_every_argument_goes_to_the_call_and_options_stand_in_the_marker(project):
    done = project.test(
        tests="""
        given = set()

        def call(*args, **kwargs):
            given.add((args, *kwargs.items()))

        @pytest.mark.slo("p95 <= 500ms")
        def test_find(slo):
            slo(call, 1, rate="x", users=7)
            assert given == {((1,), ("rate", "x"), ("users", 7))}
        """
    )
    done.assert_outcomes(passed=1)


def test_sync_calls_are_made_in_the_tests_own_thread_one_at_a_time_on_what_the_test_changed(project):
    done = project.test(
        tests="""
        import contextvars, threading

        seen, session = set(), contextvars.ContextVar("session")

        @pytest.mark.slo("p95 <= 500ms", rate="2000/s")
        @pytest.mark.parametrize("rate", [0, 1])
        def test_find(slo, monkeypatch, rate):
            session.set("mine")
            monkeypatch.setattr("time.ctime", lambda: "changed")
            slo(lambda: seen.add((threading.get_ident(), time.ctime(), session.get())))
            assert seen == {(threading.get_ident(), "changed", "mine")}
        """
    )
    done.assert_outcomes(passed=2)
    for entry in each(project.run.record.scenarios.values()):
        assert isinstance(entry.schedule, PoissonSchedule)
        assert entry.schedule.rate_per_s == 2000


def test_users_ask_for_threads(project):
    done = project.test(
        tests="""
        import threading

        seen = set()

        def call():
            seen.add(threading.get_ident())
            time.sleep(0.001)

        @pytest.mark.slo("p95 <= 500ms", users=3)
        def test_find(slo):
            slo(call)
            assert len(seen) == 3 and threading.get_ident() not in seen
        """
    )
    done.assert_outcomes(passed=1)
    assert project.run.record.scenarios["test_shop.py::test_find"].schedule == ClosedSchedule(
        clients=3, workers=3
    )


@pytest.mark.parametrize("marker", ["", ", rate='2000/s'", ", users=5"])
def test_async_calls_run_on_the_tests_own_loop_with_its_context(project, marker):
    done = project.test(
        tests=f"""
        import asyncio, contextvars

        session, seen = contextvars.ContextVar("session"), set()

        async def call():
            seen.add((asyncio.get_running_loop(), session.get()))
            await asyncio.sleep(0)

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        @pytest.mark.slo("p95 <= 500ms"{marker})
        async def test_find(slo):
            session.set("mine")
            await slo(call)
            assert seen == {{(asyncio.get_running_loop(), "mine")}}
        """
    )
    done.assert_outcomes(passed=1)


def test_what_an_async_call_waits_for_is_measured_and_not_our_way_to_its_loop(project):
    project.test(
        tests="""
        import asyncio

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        @pytest.mark.slo("p95 <= 500ms")
        async def test_find(slo):
            await slo(asyncio.sleep, 0)
        """
    )
    samples = project.run.samples()["test_shop.py::test_find[asyncio]"]
    assert (samples.started_ns == samples.intended_ns).all()


def test_a_scenario_is_played_with_its_fixtures_limits_load_and_invariants(project):
    project.write(
        perf_shop="""
        import time
        import tailguard as tg

        @tg.fixture
        def shop():
            yield "shop"

        @tg.scenario(rate="1000/s", slo=["checkout p95 <= 500ms"])
        def checkout(it, shop, config):
            it.step("checkout", time.sleep, 0.0001 if shop == "shop" else 9)

        @checkout.invariants
        def holds(shop):
            yield tg.expect("the shop is open", "shop", shop)
        """
    )
    done = project.test(
        tests="""
        from perf_shop import checkout

        @pytest.mark.slo("checkout p50 <= 400ms")
        def test_checkout(slo):
            slo(checkout)

        def test_again(slo):
            slo(checkout)
        """
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["scenario 'checkout' is measured by another test of this run already"])
    record = project.run.record
    assert [each.name for each in record.verdicts] == [
        "checkout checkout p50 <= 400ms",
        "checkout checkout p95 <= 500ms",
        "checkout error rate < 1%",
    ]
    entry = record.scenarios["checkout"]
    assert entry.schedule.rate_per_s == 1000
    assert [each.name for each in entry.invariants] == ["the shop is open"]


def test_a_test_that_is_run_again_takes_the_place_of_its_first_try(project):
    project.write(
        conftest="""
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            runtestprotocol(item, log=False, nextitem=nextitem)
            item._initrequest()
            runtestprotocol(item, log=True, nextitem=nextitem)
            return True
        """
    )
    done = project.test(
        tests="""
        tries = iter([0.002, 0])

        @pytest.mark.slo("p50 <= 1ms")
        def test_find(slo):
            slo(time.sleep, next(tries))

        @tg.scenario(slo=["buy p95 <= 500ms"])
        def buy(it):
            it.step("buy", int)

        def test_buy(slo):
            slo(buy)
        """
    )
    done.assert_outcomes(passed=2)
    record = project.run.record
    assert [str(each.state) for each in record.verdicts] == ["PASS"] * 4
    assert len(record.objectives.items) == 4
    assert record.exit_code == 0


def test_a_scenario_with_parameters_is_measured_case_by_case(project):
    done = project.test(
        tests="""
        @tg.scenario(params={"size": [10, 1000]}, slo=["sort p95 <= 500ms", "[size=10]: sort p95 <= 400ms"])
        def sort(it, size):
            it.step("sort", sorted, range(size))

        @pytest.mark.parametrize("case", sort.cases, ids=lambda case: case.name)
        def test_sort(slo, case):
            slo(case)

        def test_all(slo):
            slo(sort)
        """
    )
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(["sort has parameters: measure a case in each test, *sort.cases*slo(case)*"])
    assert [each.name for each in project.run.record.verdicts if "p95" in each.name] == [
        "sort[size=10] sort p95 <= 400ms",
        "sort[size=1000] sort p95 <= 500ms",
    ]


UNDECIDED = """
    @pytest.mark.slo("p95 <= 500ms")
    def test_find(slo):
        slo(time.sleep, 0.0001)
"""


@pytest.fixture
def few_calls(project):
    """The project states a budget that decides nothing."""
    (project.path / "tailguard.toml").write_text("[load]\nmax_samples = 100\nwarmup = 0\n", encoding="utf-8")
    return project


def test_the_budget_is_the_projects_and_what_it_does_not_decide_is_no_pass(few_calls):
    done = few_calls.test(tests=UNDECIDED)
    assert done.ret == pytest.ExitCode.OK
    assert set(done.parseoutcomes()) - {"warnings"} == {"inconclusive"}
    done.stdout.fnmatch_lines(["*INCONCLUSIVE: test_shop.py::test_find error rate < 1%*"])
    assert len(few_calls.run.samples()["test_shop.py::test_find"]) == 100


def test_what_is_not_decided_fails_if_it_is_told_to(few_calls):
    done = few_calls.test("--slo-inconclusive=fail", tests=UNDECIDED)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert set(done.parseoutcomes()) - {"warnings"} == {"inconclusive"}


def test_the_budget_without_a_file_is_30_s_and_20000_calls(project):
    project.test(tests="@pytest.mark.slo('p95 <= 1s')\ndef test_find(slo):\n    slo(int)")
    load = json.loads((project.run.folder / "run.json").read_text("utf-8"))["config"]["load"]
    assert (load["max_seconds"], load["max_samples"]) == (30, 20_000)


def test_a_measurement_that_cannot_be_trusted_is_an_error(project):
    """Here the clock that it is timed by does not move."""
    done = project.test(
        tests="""
        @pytest.mark.slo("p95 <= 500ms")
        def test_find(slo, monkeypatch):
            from tailguard.base.clock import MonotonicClock
            monkeypatch.setattr(MonotonicClock, "now_ns", staticmethod(lambda: 10**9))
            slo(int)
        """
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        ["*INVALID: test_shop.py::test_find p95 <= 500ms", "*short calls*the clock stood still*"]
    )


def test_all_tests_of_a_pytest_run_make_one_run_that_verifies(project):
    done = project.test(
        tests="""
        @pytest.mark.slo("p95 <= 500ms")
        @pytest.mark.parametrize("size", [1, 2])
        def test_find(slo, size):
            slo(sorted, range(1000 * size))

        @pytest.mark.slo("p50 <= 0.1ms", "error rate < 50%")
        def test_slow(slo):
            slo(time.sleep, 0.001)

        def test_other():
            pass
        """
    )
    done.assert_outcomes(passed=3, failed=1)
    record = project.run.record
    assert list(record.scenarios) == [
        "test_shop.py::test_find[1]",
        "test_shop.py::test_find[2]",
        "test_shop.py::test_slow",
    ]
    from tailguard.compare.verdicts import verdicts_of

    assert verdicts_of(project.run) == record.verdicts
    assert record.exit_code == 99


def test_a_test_is_a_question_of_its_own_however_many_others_there_are(project):
    """The chance of a false FAIL is kept for each test, so that a test says the same whichever others run."""
    project.test(
        tests="""
        @pytest.mark.slo("p50 <= 0.1ms")
        def test_slow(slo):
            slo(time.sleep, 0.001)

        @pytest.mark.slo("p95 <= 500ms")
        @pytest.mark.parametrize("size", range(3))
        def test_find(slo, size):
            slo(int)
        """
    )
    record = project.run.record
    assert record.objectives.together == "scenario"
    slow = next(each for each in record.verdicts if isinstance(each, ObjectiveVerdict))
    assert (slow.state, slow.n) == ("FAIL", 100)


def test_runs_lie_where_pytest_was_started_wherever_the_test_is(project):
    project.test(
        tests="""
        @pytest.mark.slo("p95 <= 500ms")
        def test_find(slo, tmp_path, monkeypatch):
            monkeypatch.chdir(tmp_path)
            slo(int)
        """
    )
    assert project.run.folder.parent == project.path / "runs"


def test_junit_carries_the_evidence(project):
    project.test(
        "--junitxml=junit.xml", tests="@pytest.mark.slo('p95 <= 1s')\ndef test_find(slo):\n    slo(int)"
    )
    assert 'name="slo.verdict" value="PASS"' in (project.path / "junit.xml").read_text(encoding="utf-8")


def test_ctrl_c_ends_pytest_and_what_was_measured_is_saved_as_interrupted(project):
    done = project.test_apart(
        tests="""
        def call(count=iter(range(10**6))):
            if next(count) == 40:
                raise KeyboardInterrupt

        @pytest.mark.slo("p95 <= 500ms")
        def test_find(slo):
            slo(call)
        """
    )
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert project.run.record.ended == "interrupted"
    assert len(project.run.samples()["test_shop.py::test_find"]) == 30  # 10 were the warm-up


def test_what_ends_a_test_ends_it_within_a_call_too(project):
    done = project.test(
        tests="""
        import asyncio

        async def give_up():
            pytest.fail("gave up")

        @pytest.mark.slo("p95 <= 500ms")
        def test_skip(slo):
            slo(pytest.skip, "not here")

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        @pytest.mark.slo("p95 <= 500ms")
        async def test_fail(slo):
            await slo(give_up)
        """
    )
    done.assert_outcomes(skipped=1, failed=1)
    done.stdout.fnmatch_lines(["*gave up*"])
