"""The file of an experiment: what it says, and each mistake told with file, key and remedy."""

import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.experiment.file import read_experiment
from tailguard.record.duet import Claim
from tests.support.suite import ROOT

STEPS = {"page": ("view", "change"), "registration": ("register",)}
WHOLE = """
title = "A cache"
claim = "page view p95 -60%"
source = "the optimisation backlog"

[baseline]
environ = { DEBUG = "1" }

[candidate.set]
scenario.page.cache = "redis"
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "cache.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_says_the_claim_and_both_sides(tmp_path: Path) -> None:
    found = read_experiment(written(tmp_path, WHOLE))
    assert found.parsed_claim(STEPS) == Claim(
        title="A cache", scenario="page", step="view", q=0.95, change=-0.6, source="the optimisation backlog"
    )
    sides = found.sides()
    assert sides["baseline"].environ == {"DEBUG": "1"}
    assert sides["candidate"].settings == {"scenario.page.cache": "redis"}


@pytest.mark.parametrize("claim", ["page errors -40%", "page errors \u221240 %"])
def test_a_claim_may_be_about_the_errors_of_a_scenario(tmp_path: Path, claim: str) -> None:
    found = read_experiment(written(tmp_path, WHOLE.replace("page view p95 -60%", claim)))
    assert found.parsed_claim(STEPS) == Claim(
        title="A cache", scenario="page", step="", q=None, change=-0.4, source="the optimisation backlog"
    )


def test_it_may_be_tried_at_several_loads(tmp_path: Path) -> None:
    assert read_experiment(written(tmp_path, WHOLE)).rates == []
    several = WHOLE.replace("source =", 'loads = ["50/s", "0.5 / s"]\nsource =')
    assert read_experiment(written(tmp_path, several)).rates == [50, 0.5]


@pytest.mark.parametrize("loads", ['["50"]', '["0/s"]', '["5/s", "5.0/s"]', '["-5/s"]'])
def test_a_load_that_cannot_be_is_told(tmp_path: Path, loads: str) -> None:
    file = written(tmp_path, WHOLE.replace("source =", f"loads = {loads}\nsource ="))
    with pytest.raises(UsageError, match="write each once, such as"):
        _ = read_experiment(file).rates


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            ("view p95", "view errors"),
            "there is no scenario 'page view', but page, registration. Errors are those",
        ),
        (
            ("-60%", ""),
            "claim = 'page view p95 ': write a scenario, its step, a percentile and how much less",
        ),
        (("-60%", "-0%"), "write a scenario, its step, a percentile and how much less"),
        (("page view", "pages view"), "there is no scenario 'pages', but page, registration."),
        (("page view", "page look"), "name a step of page: view, change."),
        (("[candidate.set]", "[candidates.set]"), "unknown key 'candidates'. Did you mean 'candidate'?"),
        (("environ =", "enviro ="), "Object contains unknown field `enviro`"),
        (("title =", "name ="), "unknown key 'name'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, change: tuple[str, str], line: str) -> None:
    file = written(tmp_path, WHOLE.replace(*change))
    with pytest.raises(UsageError) as told:
        read_experiment(file).parsed_claim(STEPS)
    assert line in str(told.value)


def test_two_sides_that_are_the_same_prove_nothing(tmp_path: Path) -> None:
    same = WHOLE[: WHOLE.index("[baseline]")]
    with pytest.raises(UsageError, match="say what differs"):
        read_experiment(written(tmp_path, same)).sides()


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return command_of("experiment", *words)


def command_of(*words: str | Path) -> subprocess.CompletedProcess[str]:
    words = (sys.executable, "-m", "tailguard", *map(str, words))
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def test_an_unknown_setting_of_a_side_is_told_before_anything_starts(tmp_path: Path) -> None:
    text = WHOLE.replace("page view", "registration").replace("scenario.page.cache", "load.rat_per_s")
    done = command(written(tmp_path, text))
    assert (done.returncode, "load.rat_per_s" in done.stderr) == (64, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.proof
def test_each_load_has_a_run_and_the_last_ones_report_says_where_it_turns(tmp_path: Path) -> None:
    """The change is taken out: both sides are the same but for a name, so nothing is gained at any load."""
    file = written(
        tmp_path,
        """
        title = "Nothing"
        claim = "registration p50 -30%"
        source = "this test"
        pairs = 10
        loads = ["150/s", "100/s"]
        set.load = { max_samples = 60, min_samples = 30, warmup = 5 }
        [baseline]
        environ = { NOTHING = "1" }
        """,
    )
    done = command(file, "--set", f"runs_dir={tmp_path}")
    assert done.returncode in (75, 99), done.stdout + done.stderr
    assert "Confirmed" not in done.stdout
    said = done.stdout.strip().splitlines()[-1]
    assert said.startswith("Nothing: ")
    assert "100/s" in said and "150/s" in said  # noqa: PT018  # one sentence
    first, last = sorted(tmp_path.glob("2*"))
    assert said.removeprefix("Nothing: ") in (last / "report.html").read_text(encoding="utf-8")
    assert f"<code>{first.name.partition('-')[2]}</code>" in (last / "report.html").read_text(
        encoding="utf-8"
    )
    assert command_of("verify", last).returncode == 0


@pytest.mark.proof
@pytest.mark.parametrize(
    ("claimed", "code", "word"),
    [(30, 0, "PASS: Confirmed: registration p50 of register at least 30 % less"), (99, 99, "REFUTED")],
)
def test_a_claim_is_confirmed_or_refuted_by_real_pairs(
    tmp_path: Path, claimed: int, code: int, word: str
) -> None:
    """The baseline takes 2.5 times as long: 60 % less. 30 % is less than that, 99 % more even if it queues."""
    file = written(
        tmp_path,
        f"""
        title = "Without the delay"
        claim = "registration p50 -{claimed}%"
        source = "this test"
        pairs = 20
        set.load = {{ max_samples = 60, min_samples = 30, warmup = 5 }}
        [baseline]
        environ = {{ TAILGUARD_FAULTS = "delay_pct=150" }}
        """,
    )
    done = command(file, "--set", f"runs_dir={tmp_path}")
    assert (done.returncode, word in done.stdout) == (code, True), done.stdout + done.stderr
