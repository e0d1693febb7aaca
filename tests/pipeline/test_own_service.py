"""Somebody else's folder with a tailguard.toml and one scenario file: their service is measured, judged, reported."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from textwrap import dedent

import pytest

from tailguard.record.run import Run
from tests.support.busy_machine import earned
from tests.support.installed import Service, served_by, typed

pytestmark = pytest.mark.system

SUITE = """
    [suite]
    scenarios = ["perf_shop.py"]
"""
SCENARIO = """
    from urllib.request import urlopen

    import tailguard as tg


    @tg.scenario(rate="100/s", slo=["search p95 <= 10s"])
    def search(it: tg.Iteration, target: tg.Target):
        it.step("search", urlopen, f"{target.url}/search")
"""


@contextmanager
def shop(takes_s: float = 0.0, statuses: Sequence[int] = (200,)) -> Iterator[str]:
    """Serve a shop's search; yields its URL. The statuses are answered in turn."""
    turn = cycle(statuses)

    class Search(Service):
        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            time.sleep(takes_s)
            self.answer(next(turn), b"[]")

    with served_by(Search) as url:
        yield url


Tailguard = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tailguard(tmp_path: Path) -> Tailguard:
    """Runs the installed command in the folder of the suite, which nobody's configuration but its own reaches."""
    (tmp_path / "tailguard.toml").write_text(dedent(SUITE), encoding="utf-8")
    (tmp_path / "perf_shop.py").write_text(dedent(SCENARIO), encoding="utf-8")
    return partial(typed, tmp_path)


def judged(done: "subprocess.CompletedProcess[str]", folder: Path) -> int:
    """Return the exit code that the run in a folder ended with, as far as the machine was quiet enough."""
    return earned(done.returncode, Run.load("latest", folder / "runs").record)


def test_a_service_is_measured_judged_and_reported_by_one_scenario_file(
    tailguard: Tailguard, tmp_path: Path
) -> None:
    with shop() as url:
        done = tailguard("run", "--target", url)
    assert judged(done, tmp_path) == 0, done.stdout + done.stderr
    assert "All 2 objectives are met" in done.stdout or done.returncode != 0
    run = Run.load("latest", tmp_path / "runs")
    assert [verdict.name for verdict in run.record.verdicts] == [
        "search search p95 <= 10s",
        "search error rate < 1%",
    ]
    assert run.record.platform.host == url
    assert run.record.environment.postgres is None, "nothing is started that nobody asked for"
    assert (run.folder / "report.html").exists()
    assert tailguard("verify").returncode == 0


def test_a_scenario_file_alone_is_enough(tailguard: Tailguard, tmp_path: Path) -> None:
    (tmp_path / "tailguard.toml").unlink()
    with shop() as url:
        done = tailguard("run", "perf_shop.py", "--target", url, "--rate", "120/s", "--duration", "30s")
    assert judged(done, tmp_path) == 0, done.stdout + done.stderr
    record = Run.load("latest", tmp_path / "runs").record
    assert (record.scenarios["search"].schedule.rate_per_s, record.complete) == (120, True)


UNASKED = """
    import time

    import tailguard as tg


    @tg.scenario
    def search(it: tg.Iteration):
        it.step("search", time.sleep, 0.002)
"""


def test_without_a_limit_nothing_is_judged_and_limits_are_proposed(
    tailguard: Tailguard, tmp_path: Path
) -> None:
    (tmp_path / "perf_shop.py").write_text(dedent(UNASKED), encoding="utf-8")
    done = tailguard("run", "perf_shop.py")
    assert judged(done, tmp_path) == 75, done.stdout + done.stderr
    assert "nothing to judge: no limit is stated for search" in done.stdout
    assert "Propose for search: search p95 <= " in done.stdout


@pytest.mark.parametrize(("limit", "code"), [("search p95 <= 10s", 0), ("search p95 <= 1ms", 99)])
def test_a_limit_may_be_given_on_the_command_line(
    tailguard: Tailguard, tmp_path: Path, limit: str, code: int
) -> None:
    (tmp_path / "perf_shop.py").write_text(dedent(UNASKED), encoding="utf-8")
    done = tailguard("run", "perf_shop.py", "--objective", limit)
    assert judged(done, tmp_path) == code, done.stdout + done.stderr
    assert "search: its limits need" in done.stderr, "what it takes is said before the start"


def test_a_service_that_is_too_slow_fails_and_is_named(tailguard: Tailguard, tmp_path: Path) -> None:
    scenario = dedent(SCENARIO).replace("10s", "100ms")
    (tmp_path / "perf_shop.py").write_text(scenario, encoding="utf-8")
    with shop(takes_s=0.3) as url:
        done = tailguard("run", "--target", url, "--rate", "20/s", "--duration", "8s")
    assert judged(done, tmp_path) == 99, done.stdout + done.stderr
    assert "search search p95 <= 100ms" in done.stdout


def test_a_service_that_answers_with_errors_fails_however_fast_it_is(
    tailguard: Tailguard, tmp_path: Path
) -> None:
    with shop(statuses=(200, 200, 200, 200, 503)) as url:
        done = tailguard("run", "--target", url)
    assert judged(done, tmp_path) == 99, done.stdout + done.stderr
    record = Run.load("latest", tmp_path / "runs").record
    entry = record.scenarios["search"]
    assert entry.errors == {"HTTPError": entry.counts.error}
    failed = [verdict.name for verdict in record.verdicts if verdict.state == "FAIL"]
    assert failed == ["search error rate < 1%"]


REFUSING = """
    import urllib3

    import tailguard as tg


    @tg.scenario(rate="100/s", refusals=SHARES, slo=["buy p50 <= 10s", "error rate < 10%"])
    def buy(it: tg.Iteration, target: tg.Target):
        it.step("buy", urllib3.request, "POST", f"{target.url}/search")
"""


@pytest.mark.parametrize(
    ("shares", "code", "said"),
    [
        ("[409]", 65, "calls of buy were refused (HTTP 409"),
        ("{409: '<= 5%'}", 99, "buy refusal rate of HTTP 409 <= 5%"),
        ("{409: '<= 80%'}", 0, "All 3 objectives are met"),
        ("[]", 99, "buy error rate < 10%"),
    ],
)
def test_a_service_that_refuses_two_thirds_passes_only_if_that_share_is_stated(
    tailguard: Tailguard, tmp_path: Path, shares: str, code: int, said: str
) -> None:
    suite = tmp_path / "perf_shop.py"
    suite.write_text(dedent(REFUSING).replace("SHARES", shares), encoding="utf-8")
    with shop(statuses=(201, 409, 409)) as url:
        done = tailguard("run", "--target", url, "--duration", "40s")
    assert judged(done, tmp_path) == code, done.stdout + done.stderr
    assert said in done.stdout or done.returncode != code


def test_a_service_that_refuses_everything_says_so_instead_of_asking_for_a_higher_rate(
    tailguard: Tailguard, tmp_path: Path
) -> None:
    suite = tmp_path / "perf_shop.py"
    suite.write_text(dedent(REFUSING).replace("SHARES", "{409: '<= 80%'}"), encoding="utf-8")
    with shop(statuses=(409,)) as url:
        done = tailguard("run", "--target", url, "--duration", "5s")
    assert judged(done, tmp_path) == 65, done.stdout + done.stderr
    assert "calls of buy were refused: 0 ok samples" in done.stdout
    assert "REFUSALS" in done.stdout
    assert "look at why it refuses" in done.stdout


def test_a_run_whose_rows_are_used_up_before_it_is_decided_never_passes(
    tailguard: Tailguard, tmp_path: Path
) -> None:
    (tmp_path / "perf_shop.py").write_text(
        dedent(SCENARIO)
        .replace("p95", "p99")
        .replace("target: tg.Target)", "target: tg.Target, word)")
        .replace("/search", "/search?q={word['word']}")
        .replace("@tg", 'word = tg.rows("words.csv")\n\n\n@tg'),
        encoding="utf-8",
    )
    (tmp_path / "words.csv").write_text("word\n" + "shoes\n" * 300, encoding="utf-8")
    with shop() as url:
        done = tailguard("run", "--target", url)
    assert judged(done, tmp_path) == 65, done.stdout + done.stderr
    assert "words.csv has 300 rows: search plays at most 290 iterations" in done.stderr
    assert Run.load("latest", tmp_path / "runs").record.scenarios["search"].ended_because == "rows used up"


def test_an_address_that_is_none_is_refused_before_there_is_a_run(
    tailguard: Tailguard, tmp_path: Path
) -> None:
    done = tailguard("run", "--target", "127.0.0.1:8000")
    assert (done.returncode, "write http://127.0.0.1:8000" in done.stderr) == (64, True)
    assert not (tmp_path / "runs").exists()


CASES = """
    from urllib.request import urlopen

    import tailguard as tg


    @tg.scenario(params={"size": [1, 20]}, slo=["search p95 <= 10s", "[size=20]: search p95 <= 20s"])
    def search(it: tg.Iteration, target: tg.Target, size: int):
        it.step("search", urlopen, f"{target.url}/search?size={size}")
"""


def test_each_value_of_a_parameter_is_measured_and_judged_on_its_own(
    tailguard: Tailguard, tmp_path: Path
) -> None:
    (tmp_path / "perf_shop.py").write_text(dedent(CASES), encoding="utf-8")
    with shop() as url:
        done = tailguard(
            "run", "perf_shop.py::search", "--target", url, "--set", "scenario.search.max_samples=600"
        )
    assert judged(done, tmp_path) == 0, done.stdout + done.stderr
    record = Run.load("latest", tmp_path / "runs").record
    assert [verdict.name for verdict in record.verdicts] == [
        "search[size=1] search p95 <= 10s",
        "search[size=1] error rate < 1%",
        "search[size=20] search p95 <= 20s",
        "search[size=20] error rate < 1%",
    ]
    assert tailguard("verify").returncode == 0
