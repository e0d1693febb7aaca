"""Files of scenarios that must never end with 0, through the installed command against a service on a real port."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tailguard.record.run import Run
from tailguard.record.run_record import RunRecord
from tests.support.busy_machine import undisturbed
from tests.support.installed import Service, served_by, typed

pytestmark = pytest.mark.system

TAKEN = b"taken, token=hunter2222"
ANSWERS = {"/search": (200, b'{"found": "shoes"}'), "/broken": (500, b"no"), "/taken": (409, TAKEN)}
GOOD = """
[load]
max_seconds = 2
[scenario.good]
rate = "100/s"
max_seconds = 60
[[scenario.good.steps]]
name = "search"
path = "/search"
expect = { json = { found = "shoes" } }
[scenario.good.slo]
"search p95" = "<= 2s"
"""
# What each scenario has beside its name, and the kind and the words of its failures.
WRONG = {
    "gone": ('path = "/nowhere"', "HTTP 404", "search (GET /nowhere) answered 404: nothing here"),
    "broken": ('path = "/broken"', "HTTP 500", "search (GET /broken) answered 500: no"),
    "wrong_body": (
        'path = "/search"\nexpect = { json = { found = "hats" } }',
        "WrongAnswerError",
        "expected found to be 'hats', and it is 'shoes'",
    ),
    "wrong_status": ('path = "/search"\nexpect = [201]', "HTTP 200", "search (GET /search) answered 200: "),
    "nothing_saved": (
        'path = "/search"\nsave = { id = "json.id" }',
        "MissingValueError",
        "it has no json.id, which is saved as id",
    ),
    "refused": ('path = "/taken"\nrefusals = { 409 = "" }', "", "search (GET /taken) answered 409: taken, token=***"),
    "refused_more": ('path = "/taken"\nrefusals = { 409 = "<= 2%" }', "", "HTTP 409"),
    "never_ran": ('path = "/search"\nwhen = "{number} == none"', "", "step 'search' is missing"),
}  # fmt: skip
ERRORS = [name for name, (_, kind, _) in WRONG.items() if kind]
ROWS = """
[rows.word]
file = "words.csv"
[[scenario.search.steps]]
name = "search"
path = "/search"
query = { q = "{word.word}" }
[scenario.search.slo]
"search p95" = "<= 2s"
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    output: str
    record: RunRecord

    def states(self, scenario: str) -> dict[str, str]:
        """Return the verdicts of a scenario; if only the machine was too busy to trust them, those of its samples."""
        prefix = f"{scenario} "
        return {
            each.name.removeprefix(prefix): str(each.state)
            for each in undisturbed(self.record).verdicts
            if each.name.startswith(prefix)
        }


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service that answers at once, for each path with its own status; 404 for any other."""

    class Shop(Service):
        def do_GET(self) -> None:
            self.answer(*ANSWERS.get(self.path.partition("?")[0], (404, b"nothing here")))

    with served_by(Shop) as url:
        yield url


def run(folder: Path, url: str, text: str) -> CompletedProcess[str]:
    (folder / "shop.toml").write_text(text, encoding="utf-8")
    done = typed(folder, "run", "shop.toml", "--target", url)
    assert "Internal error" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def ended(url: str, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """All of them in one run, and beside them one that is good."""
    folder = tmp_path_factory.mktemp("shop")
    wrong = (
        f'[[scenario.{name}.steps]]\nname = "search"\n{text}\n[scenario.{name}.slo]\n"search p95" = "<= 2s"\n'
        for name, (text, _, _) in WRONG.items()
    )
    done = run(folder, url, "\n".join([GOOD, *wrong]))
    return Ended(done.returncode, done.stdout, Run.load("latest", folder / "runs").record)


def test_one_that_answers_rightly_passes_beside_those_that_do_not(ended: Ended) -> None:
    """So that what the others show is their own."""
    assert ended.code == 65
    assert set(ended.states("good").values()) == {"PASS"}, ended.output


@pytest.mark.parametrize("name", ERRORS)
def test_wrong_answers_fail_though_only_a_latency_is_limited_and_show_one_example(
    ended: Ended, name: str
) -> None:
    _, kind, told = WRONG[name]
    assert ended.states(name) == {"p95 <= 2s": "INVALID", "error rate < 1%": "FAIL"}, ended.output
    entry = ended.record.scenarios[name]
    assert (entry.errors, entry.counts.ok) == ({kind: entry.counts.error}, 0)
    assert told in ended.output


def test_everything_refused_is_no_success_and_a_secret_in_the_answer_is_masked(ended: Ended) -> None:
    assert "PASS" not in ended.states("refused").values()
    assert ended.states("refused_more")["refusal rate of HTTP 409 <= 2%"] == "FAIL"
    for name in ("refused", "refused_more"):
        counts = ended.record.scenarios[name].counts
        assert counts.conflict == counts.total > 0
    assert WRONG["refused"][2] in ended.output
    assert "hunter2222" not in ended.output


def test_a_limit_on_a_step_that_never_ran_is_not_met(ended: Ended) -> None:
    assert ended.states("never_ran")["p95 <= 2s"] == "INVALID"


def test_too_few_rows_are_named_before_the_start(tmp_path: Path, url: str) -> None:
    (tmp_path / "words.csv").write_text("word\n" + "shoes\n" * 20, encoding="utf-8")
    done = run(tmp_path, url, ROWS)
    assert done.returncode == 64, done.stderr
    assert "shop.toml, line 2: words.csv has 20 rows: search needs" in done.stderr
