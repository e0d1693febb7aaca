"""`judge(...)` in somebody's own locustfile, through the installed locust and real requests."""

import contextlib
import os
import signal
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tailguard.base.ports import free_port
from tailguard.base.state import State
from tailguard.record.doubt import Grade
from tests.support.busy_machine import earned
from tests.support.locust_judged import Judged, Shop, interrupt, served_shop
from tests.support.locust_runs import LIMIT_S, rows_of_tab
from tests.support.waiting import eventually

pytestmark = pytest.mark.system
FILES = Path(__file__).parent / "shapes"
LOOSE = "GET /ok p50 <= 30s", "error rate < 60%"


@pytest.fixture(scope="module")
def url():
    with served_shop() as address:
        yield address


@pytest.fixture
def judged(url, tmp_path):
    with ExitStack() as stack:
        yield Judged(tmp_path, url, stack)


def passes(judged, code):
    """Say that it passed, as far as this machine was quiet enough."""
    assert earned(code, judged.record) == 0, judged.log()
    assert judged.record.why_incomplete == ""


def kill(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def states(judged):
    return {each.name: each.state for each in judged.record.verdicts}


def test_its_requests_are_judged_exactly_and_the_closed_model_is_a_warning(judged):
    judged.write(*LOOSE)
    passes(judged, judged.runs("--processes", "2", "--csv", "theirs"))
    record = judged.record
    assert len(record.locust.workers) == 2
    theirs = (judged.folder / "theirs_stats.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
    assert theirs[:3] == ["GET", "/ok", str(record.scenarios["requests"].counts.ok)]
    [closed] = [each for each in record.doubts if each.kind == "closed_model"]
    assert closed.grade is Grade.WARN
    assert record.platform.adapter == "locustfile.py, by locust"


def test_our_exit_code_wins_over_that_of_a_failed_request(judged):
    judged.write(*LOOSE, paths=["/ok", "/broken"])
    passes(judged, judged.runs("--exit-code-on-error", "7"))
    assert judged.record.scenarios["requests"].counts.error > 0


@pytest.mark.parametrize("path", ["/nowhere", "/broken"])
def test_a_wrong_route_and_a_fast_500_fail_though_only_latencies_were_limited(judged, path):
    judged.write(f"GET {path} p95 <= 10s", paths=[path])
    assert judged.runs() in {99, 65}, judged.log()
    assert judged.record.scenarios["requests"].counts.ok == 0
    assert State.PASS not in states(judged).values()


def test_a_wrong_body_fails_though_it_was_answered_200_and_only_latencies_were_limited(judged):
    text = FILES.joinpath("caught.py").read_text(encoding="utf-8")
    [limits] = [line for line in text.splitlines() if line.startswith("judge(")]
    (judged.folder / "locustfile.py").write_text(text.replace(limits, 'judge("GET wrong p95 <= 10s")'))
    assert judged.runs() in {99, 65}, judged.log()
    assert State.PASS not in states(judged).values()


def test_a_service_that_is_not_there_fails_though_only_latencies_were_limited(judged):
    judged.write("GET /ok p95 <= 10s")
    judged.url = f"http://127.0.0.1:{free_port()}"
    assert judged.runs() in {99, 65}, judged.log()
    assert set(judged.record.scenarios["requests"].errors) == {"ConnectionRefusedError"}
    assert State.PASS not in states(judged).values()


def test_a_limit_on_a_name_that_never_ran_is_invalid_and_named(judged):
    judged.write("GET /okay p95 <= 10s", "error rate < 60%")
    assert judged.runs() == 65, judged.log()
    [verdict] = [each for each in judged.record.verdicts if "okay" in each.name]
    assert verdict.state is State.INVALID
    assert "step 'GET /okay' is missing" in verdict.why


def test_a_worker_that_is_killed_makes_the_run_invalid(judged):
    judged.write(*LOOSE)
    master = judged.start("--headless", "-u", "4", "-r", "4", "-t", "12s", "--processes", "2")
    asked = Shop.answers
    eventually(lambda: Shop.answers > asked + 10, log=judged.log)
    os.kill(psutil.Process(master.pid).children()[0].pid, signal.SIGKILL)
    assert master.wait(LIMIT_S) == 65, judged.log()
    assert "its ledger never came" in judged.record.why_incomplete
    assert set(states(judged).values()) == {State.INVALID}


@pytest.mark.proof  # locust takes seconds to miss a heartbeat
def test_a_test_that_is_stopped_again_while_it_is_collected_is_judged_once_and_with_its_faults(judged):
    judged.write(*LOOSE)
    master = judged.start("--headless", "-u", "4", "-r", "4", "-t", "6s", "--processes", "2")
    judged.until("Sending spawn jobs")
    time.sleep(5)
    for worker in psutil.Process(master.pid).children():
        judged.stack.callback(kill, worker)
        worker.suspend()  # as the time is over they are asked for the rest, and then missed
    assert master.wait(LIMIT_S) == 65, judged.log()
    assert "The last worker went missing" in judged.log()
    assert "Traceback" not in judged.log()
    assert "its ledger never came" in judged.record.why_incomplete


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ((), "judge() has nothing to judge by"),
        (("p95 <= 120ms",), "name it in the limit, as in 'pay p95 <= 120ms'"),
        (("GET /ok p95 ~ 120ms",), "GET /ok p95 ~ 120ms"),
        (("nowhere.toml",), "nowhere.toml"),
        (("slo.toml", "error rate < 1%"), "limits or one file of them"),
    ],
)
def test_a_mistake_ends_with_its_sentence_before_any_load_starts(judged, limits, told):
    judged.write(*limits)
    assert judged.runs("--processes", "2") == 64, judged.log()
    assert told in judged.log()
    assert "Traceback" not in judged.log()
    assert not (judged.folder / "runs").exists()


def test_limits_stand_in_a_file_too(judged):
    (judged.folder / "slo.toml").write_text(
        '[scenarios.requests]\n"GET /ok p50" = "<= 0.001ms"\nerror_rate = "< 60%"\n', encoding="utf-8"
    )
    judged.write("slo.toml")
    assert judged.runs() in {99, 65}, judged.log()
    assert "requests GET /ok p50 <= 0.001ms" in states(judged)


def test_files_that_ask_for_the_same_are_one_test_and_for_two_are_refused(judged):
    judged.write(*LOOSE)
    judged.write(*LOOSE, name="second.py", Shopper="Other")
    passes(judged, judged.runs("-f", "locustfile.py,second.py"))
    judged.write("GET /ok p50 <= 1s", name="second.py", Shopper="Other")
    assert judged.runs("-f", "locustfile.py,second.py") == 64, judged.log()
    assert "One run of locust is one test, and here are two" in judged.log()


# Files as Locust's own examples have them: words of the command line, the requests, and the kinds of their failures.
SHAPES = {
    "http_user": ("", {"POST /login", "GET /item/[id]", "GET /"}, set()),
    "fast_http_user": ("", {"POST /cart", "POST /cart?again"}, {"CatchResponseError"}),
    "sequence": ("", {"GET first", "POST second"}, set()),
    "nested": ("", {"GET /", "GET /forum", "GET /thread"}, set()),
    "tagged": ("--tags cheap", {"GET /cheap"}, set()),
    "caught": ("", {"GET /broken", "GET wrong", "GET given up"}, {"CatchResponseError"}),
    "xml_rpc": ("", {"xmlrpc add", "xmlrpc nothing"}, {"Fault"}),
    "stages": ("--processes 2", {"GET /a", "GET /b"}, set()),
    "wait_times": ("", {"GET /paced", "GET /throughput", "GET /own"}, set()),
    "several_hosts": ("", {"GET /here", "GET /there", "GET /absolute"}, set()),
    "measured_blocks": ("", {"manual fine", "manual failing", "block measured"}, {"ValueError"}),
    "gates": ("", {"GET /"}, set()),
}


@pytest.mark.proof  # thirteen runs of Locust; workers that a busy machine starves are given up
@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_of_any_shape_is_judged_by_all_its_requests(judged, shape):
    words, requests, failures = SHAPES[shape]
    passes(judged, judged.runs("-f", str(FILES / f"{shape}.py"), "--csv", "theirs", *words.split()))
    entry = judged.record.scenarios["requests"]
    assert set(entry.steps) == requests
    assert set(entry.errors) == failures
    [*_, total] = (judged.folder / "theirs_stats.csv").read_text(encoding="utf-8").splitlines()
    asked, failed = map(int, total.split(",")[2:4])
    counts = entry.counts
    assert 0 <= asked - (counts.ok + counts.error) <= 4  # what a user asks as the test ends
    assert 0 <= failed - counts.error <= 4


def test_a_listener_of_the_file_cannot_turn_our_fail_into_success(judged):
    code = judged.runs("-f", str(FILES / "listeners.py"), "--loglevel", "INFO")
    assert code in {99, 65}, judged.log()
    assert "told ['test_start', 'test_stop']" in judged.log()
    assert State.PASS not in {each.state for each in judged.record.verdicts if "p50" in each.name}


def runs_of(judged):
    return [each for each in (judged.folder / "runs").iterdir() if not each.is_symlink()]


def test_on_locusts_page_a_tab_shows_where_each_limit_stands(judged):
    judged.write(*LOOSE)
    port = free_port()
    page = judged.start("--autostart", "-u", "4", "-r", "4", "--web-port", str(port))
    rows = eventually(lambda: rows_of_tab(port), LIMIT_S, pause_s=0.5, log=judged.log)
    assert [row["objective"] for row in rows][:1] == ["requests GET /ok p50 <= 30s"]
    for path, form in (("stop", b""), ("swarm", b"user_count=4&spawn_rate=4")):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", data=form).read()
    eventually(lambda: len(runs_of(judged)) == 2)
    asked = Shop.answers
    eventually(lambda: Shop.answers > asked + 50, log=judged.log)
    urllib.request.urlopen(f"http://127.0.0.1:{port}/stop", data=b"").read()
    passes(judged, interrupt(page))
    assert len(runs_of(judged)) == 2
    assert judged.record.scenarios["requests"].counts.ok > 10
