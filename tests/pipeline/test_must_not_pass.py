"""Scenario files that must never end with 0, through the installed command against a service on a real port."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tailguard.record.run import Run
from tailguard.record.run_record import RunRecord
from tailguard.record.scenario import ScenarioEntry
from tests.support.busy_machine import undisturbed
from tests.support.installed import Service, served_by, typed

pytestmark = pytest.mark.system

ANSWERS = {"/search": (200, b'["shoes"]'), "/broken": (500, b"no"), "/taken": (409, b"taken")}

HEAD = """
    import asyncio
    from dataclasses import dataclass
    from urllib.error import HTTPError
    from urllib.request import urlopen

    import tailguard as tg


    @dataclass
    class Answer:
        status_code: int
        body: bytes


    def get(url):
        try:
            with urlopen(url) as answer:
                return Answer(answer.status, answer.read())
        except HTTPError as refused:
            return Answer(refused.code, refused.read())
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service that answers at once, for each path with its own status; 404 for any other."""

    class Shop(Service):
        def do_GET(self) -> None:
            self.answer(*ANSWERS.get(self.path, (404, b"nothing here")))

    with served_by(Shop) as url:
        yield url


def ran(folder: Path, url: str, scenario: str) -> "subprocess.CompletedProcess[str]":
    (folder / "perf_shop.py").write_text(dedent(HEAD) + dedent(scenario), encoding="utf-8")
    done = typed(folder, "run", "perf_shop.py", "--target", url, "--duration", "4s")
    assert "Internal error" not in done.stderr, done.stderr
    return done


def judged(folder: Path, done: "subprocess.CompletedProcess[str]") -> RunRecord:
    """Return the record of the run in a folder, with what its samples alone say if the machine was too busy."""
    record = Run.load("latest", folder / "runs").record
    assert done.returncode == record.exit_code, done.stdout + done.stderr
    return undisturbed(record)


def fails_by_its_errors(folder: Path, done: "subprocess.CompletedProcess[str]") -> ScenarioEntry:
    """Check that the error rate is a FAIL; without a good answer there is no latency to judge, which is INVALID."""
    record = judged(folder, done)
    states = {verdict.name: str(verdict.state) for verdict in record.verdicts}
    assert states["search error rate < 1%"] == "FAIL", done.stdout + done.stderr
    assert record.deserved_exit_code == (99 if record.scenarios["search"].counts.ok else 65)
    return record.scenarios["search"]


def test_one_that_answers_rightly_passes(tmp_path: Path, url: str) -> None:
    """So that what the others show is their own."""
    done = ran(
        tmp_path,
        url,
        """
        @tg.scenario(slo=["search p95 <= 20s"])
        def search(it, target: tg.Target):
            answer = it.step("search", get, f"{target.url}/search")
            assert b"shoes" in answer.body


        @search.invariants
        def holds(samples):
            yield tg.expect("something was measured", True, len(samples) > 0)
        """,
    )
    assert judged(tmp_path, done).deserved_exit_code == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "kind"), [("/nowhere", "HTTP 404"), ("/broken", "HTTP 500")], ids=["404", "500 at once"]
)
def test_a_status_that_is_no_success_fails_though_only_a_latency_is_limited(
    tmp_path: Path, url: str, path: str, kind: str
) -> None:
    done = ran(
        tmp_path,
        url,
        f"""
        @tg.scenario(slo=["search p95 <= 20s"])
        def search(it, target: tg.Target):
            it.step("search", get, f"{{target.url}}{path}")
        """,
    )
    entry = fails_by_its_errors(tmp_path, done)
    assert (entry.errors, entry.counts.ok) == ({kind: entry.counts.error}, 0)


def test_a_wrong_body_under_a_200_fails(tmp_path: Path, url: str) -> None:
    done = ran(
        tmp_path,
        url,
        """
        @tg.scenario(slo=["search p95 <= 20s"])
        def search(it, target: tg.Target):
            answer = it.step("search", get, f"{target.url}/search")
            assert b"hats" in answer.body
        """,
    )
    fails_by_its_errors(tmp_path, done)


def test_everything_refused_is_no_success(tmp_path: Path, url: str) -> None:
    done = ran(
        tmp_path,
        url,
        """
        @tg.scenario(slo=["search p95 <= 20s"], refusals=[409])
        def search(it, target: tg.Target):
            it.step("search", get, f"{target.url}/taken")
        """,
    )
    assert done.returncode == 65, done.stdout + done.stderr
    counts = Run.load("latest", tmp_path / "runs").record.scenarios["search"].counts
    assert counts.conflict == counts.total > 0


CALL = """
        async def find(url):
            await asyncio.sleep(0)
            return await asyncio.to_thread(get, url)
"""


@pytest.mark.parametrize(
    "journey",
    [
        'def search(it, target: tg.Target):\n    it.step("search", find, f"{target.url}/search")',
        'async def search(it, target: tg.Target):\n    it.step("search", find, f"{target.url}/search")',
    ],
    ids=["a sync journey", "an async journey"],
)
def test_a_call_that_is_not_awaited_is_a_mistake_with_its_line(
    tmp_path: Path, url: str, journey: str
) -> None:
    scenario = f'{dedent(CALL)}\n\n@tg.scenario(slo=["search p95 <= 20s"])\n{journey}\n'
    done = ran(tmp_path, url, scenario)
    assert done.returncode == 64, done.stdout + done.stderr
    assert "perf_shop.py, line " in done.stderr
    assert "await" in done.stderr


def test_invariants_that_yield_nothing_are_broken(tmp_path: Path, url: str) -> None:
    done = ran(
        tmp_path,
        url,
        """
        @tg.scenario(slo=["search p95 <= 20s"])
        def search(it, target: tg.Target):
            it.step("search", get, f"{target.url}/search")


        @search.invariants
        def holds(samples):
            yield from []
        """,
    )
    assert done.returncode == 65, done.stdout + done.stderr
    assert "the invariants of search were checked" in done.stdout


def test_invariants_that_are_skipped_leave_the_limits_unjudged(tmp_path: Path, url: str) -> None:
    done = ran(
        tmp_path,
        url,
        """
        @tg.scenario(slo=["search p95 <= 20s"])
        def search(it, target: tg.Target):
            it.step("search", get, f"{target.url}/search")


        @search.invariants
        def holds(samples):
            tg.skip("the shop's books are not ours to read")
        """,
    )
    assert judged(tmp_path, done).deserved_exit_code == 75, done.stdout + done.stderr
    assert "not judged, as invariants were not checked: the shop's books" in done.stdout


def test_a_limit_on_a_step_that_never_ran_is_not_met(tmp_path: Path, url: str) -> None:
    done = ran(
        tmp_path,
        url,
        """
        @tg.scenario(slo=["search p95 <= 20s", "pay p95 <= 20s"])
        def search(it, target: tg.Target):
            it.step("search", get, f"{target.url}/search")
        """,
    )
    assert done.returncode == 65, done.stdout + done.stderr
    assert "step 'pay' is missing" in done.stdout


def test_a_limit_on_a_metric_that_was_never_recorded_is_not_met(tmp_path: Path, url: str) -> None:
    done = ran(
        tmp_path,
        url,
        """
        @tg.scenario(slo=["search p95 <= 20s", "queue_depth p95 <= 100", "cache_hit rate >= 50%"])
        def search(it, target: tg.Target):
            it.step("search", get, f"{target.url}/search")
            it.record("cache_hit", True)
        """,
    )
    assert done.returncode == 65, done.stdout + done.stderr
    assert "recorded no 'queue_depth': it.record('queue_depth', ...) was never called" in done.stdout
    record = Run.load("latest", tmp_path / "runs").record
    assert record.scenarios["search"].metrics["cache_hit"].rate == 1.0


def test_a_mix_fails_with_the_one_scenario_that_does(tmp_path: Path, url: str) -> None:
    done = ran(
        tmp_path,
        url,
        """
        @tg.scenario(slo=["search p95 <= 20s"])
        def search(it, target: tg.Target):
            it.step("search", get, f"{target.url}/search")


        @tg.scenario(slo=["pay p95 <= 20s"])
        def pay(it, target: tg.Target):
            it.step("pay", get, f"{target.url}/search")
            it.step("thanks", get, f"{target.url}/broken")


        day = tg.mix({search: 50, pay: 50}, rate="100/s")
        """,
    )
    assert done.returncode in {99, 65}, done.stdout + done.stderr
    record = Run.load("latest", tmp_path / "runs").record
    states = {verdict.name: str(verdict.state) for verdict in record.verdicts}
    assert states["pay error rate < 1%"] in {"FAIL", "INVALID"}
    assert record.scenarios["pay"].errors["HTTP 500"] > 0
    assert record.scenarios["search"].counts.error == 0


def test_rows_that_are_used_up_end_a_run_that_does_not_pass(tmp_path: Path, url: str) -> None:
    (tmp_path / "words.csv").write_text("word\n" + "shoes\n" * 130, encoding="utf-8")
    done = ran(
        tmp_path,
        url,
        """
        word = tg.rows("words.csv")


        @tg.scenario(slo=["search p99.9 <= 20s"])
        def search(it, target: tg.Target, word):
            it.step("search", get, f"{target.url}/search")
        """,
    )
    assert done.returncode in {64, 65}, done.stdout + done.stderr
    assert "words.csv has 130 rows" in done.stderr


def test_a_service_that_is_killed_on_the_way_does_not_pass(tmp_path: Path) -> None:
    """Its process ends by a signal after some answers."""
    served = "import os, sys\nfrom http.server import *\nfrom itertools import count\nn = count()\n" + dedent(
        """
        class Service(BaseHTTPRequestHandler):
            def do_GET(self):
                if next(n) == 150:
                    os.kill(os.getpid(), 9)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_): ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
            print(server.server_port, flush=True)
            server.serve_forever()
        """
    )
    with subprocess.Popen([sys.executable, "-c", served], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        done = ran(
            tmp_path,
            f"http://127.0.0.1:{service.stdout.readline().strip()}",
            """
            @tg.scenario(slo=["search p99 <= 20s"])
            def search(it, target: tg.Target):
                it.step("search", get, f"{target.url}/search")
            """,
        )
    fails_by_its_errors(tmp_path, done)
