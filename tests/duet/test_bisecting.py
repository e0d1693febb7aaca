"""`tailguard bisect` on a real repository: the slow commit is found, one that does not start is skipped."""

import subprocess
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.duet.bisecting import parse_metric
from tailguard.duet.sources import commits_after

SUITE = """
import tailguard as tg
from shop import price

@tg.scenario(rate="100/s", steps=["price"])
def buy(it: tg.Iteration):
    it.step("price", price)
"""
WORDS = ["bisect", "perf_shop.py", "--good", "HEAD~7", "--metric", "buy p50", "--pairs", "60"]


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight commits; from the fifth on the code sleeps half as long again, the third does not start."""
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q")
    (tmp_path / "perf_shop.py").write_text(SUITE, encoding="utf-8")
    (tmp_path / ".gitignore").write_text("runs\n", encoding="utf-8")
    for number in range(8):
        pause = 0.006 if number >= 5 else 0.004
        broken = "raise ImportError('broken')\n" if number == 3 else ""
        text = f"{broken}import time\n\ndef price():\n    time.sleep({pause})  # version {number}\n"
        (tmp_path / "shop.py").write_text(text, encoding="utf-8")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", f"Version {number}")
    return tmp_path


@pytest.mark.proof
def test_the_slow_commit_is_found_and_a_second_call_goes_on_where_the_first_ended(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--set", "load.max_samples=40", "--set", "load.min_samples=40"]
    assert run_cli([*WORDS, *sizes, "--pairs", "4"]) == 75
    assert "Run the same command again to resume" in capsys.readouterr().out
    assert run_cli([*WORDS, *sizes, "--pairs", "100"]) == 0
    told = capsys.readouterr().out
    assert "is slower since" in told
    assert "Version 5)" in told.splitlines()[0]
    [journal] = (shop / "runs").glob("bisect-*/pairs.jsonl")
    assert len(journal.read_text(encoding="utf-8").splitlines()) < 100


def test_the_commits_are_those_after_the_good_one_oldest_first(shop: Path) -> None:
    found = commits_after("HEAD~3", "HEAD", shop)
    assert [each.subject for each in found] == ["Version 5", "Version 6", "Version 7"]
    assert str(found[0]).startswith(found[0].sha[:10] + " (a, ")


@pytest.mark.parametrize(
    ("good", "bad", "line"),
    [
        ("HEAD", "HEAD", "No commit is after HEAD"),
        ("HEAD", "HEAD~2", "No commit is after HEAD up to HEAD~2: --good is the older one"),
        ("nowhere", "HEAD", "'nowhere' is not a commit"),
    ],
)
def test_commits_that_cannot_be_meant_are_named(shop: Path, good: str, bad: str, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        commits_after(good, bad, shop)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("buy", "write a scenario, its step and a percentile"),
        ("buy p0", "write a scenario"),
        ("sell p50", "there is no scenario 'sell', but buy, pay"),
        ("pay p50", "name a step of pay: card, invoice"),
        ("pay cash p50", "name a step of pay: card, invoice"),
    ],
)
def test_a_metric_that_cannot_be_meant_is_named(text: str, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        parse_metric(text, {"buy": ["price"], "pay": ["card", "invoice"]})


def test_a_step_need_not_be_named_if_there_is_one_alone() -> None:
    assert parse_metric("buy p99.9", {"buy": ["price"]}).step == "price"
    assert parse_metric("pay the bill p95", {"pay": ["the bill", "x"]}).q == 0.95
