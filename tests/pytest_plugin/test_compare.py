"""`@pytest.mark.slo(compare=...)`: a test's call against a commit of a real repository, in real processes."""

import time
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.compare.comparison import RULE, ComparedMetric
from tailguard.pytest_plugin.asked import _raise_for
from tailguard.pytest_plugin.marker import Stated
from tailguard.pytest_plugin.messages import properties
from tailguard.pytest_plugin.question import Answer, Question
from tests.support.repository import git
from tests.support.shop_in_git import SHOP, TEST, commit

pytest_plugins = ["pytester"]


def fails(project, ref, *options, line, outcome="failed", tests=TEST):
    """Run the test, which must not be measured to its end, and which says so in a line; with options, apart."""
    done = (project.test_apart if options else project.test)(*options, tests=tests.format(ref))
    done.assert_outcomes(**{outcome: 1})
    done.stdout.fnmatch_lines([line])
    assert "Traceback" not in done.stdout.str()


def test_an_unknown_commit_is_named(shop):
    fails(shop, "nowhere", line="'nowhere' is not a commit of *origin/main*")


def test_a_shallow_clone_is_told_how_to_get_the_commit(shop, monkeypatch):
    commit(shop, 0.0004)
    git(shop.path, "clone", "-q", "--depth", "1", f"file://{shop.path}", "shallow")
    shop.path = shop.path / "shallow"
    monkeypatch.chdir(shop.path)
    fails(shop, "HEAD~1", line="'HEAD~1' is not a commit of *This clone is shallow*fetch-depth: 0*")


@pytest.mark.system
def test_code_that_is_not_committed_is_named_and_a_changed_test_is_not(shop):
    git(shop.path, "add", ".")
    (shop.path / "src" / "shop.py").write_text(SHOP.format(1), encoding="utf-8")
    fails(shop, "HEAD", line="src/shop.py differs from its commit*compares commits: commit or stash it*")
    assert not (shop.path / "runs").exists()


def test_a_project_outside_of_git_is_told_what_to_do(project):
    project.write(shop=SHOP.format(0.1))
    fails(
        project, "main", line="*is not in a git repository*put the project into git, or state limits instead"
    )


@pytest.mark.system
@pytest.mark.parametrize(
    ("marker", "line"),
    [
        (
            '"p95 <= 1s", compare="HEAD"',
            "*'p95 <= 1s' beside compare='HEAD': ask for each in a test of its own",
        ),
        ("compare=3", "*compare is 3: name a commit, such as 'origin/main'"),
        ('compare="HEAD", minutes=0', "*minutes is 0: give a number above 0"),
        ('"p95 <= 1s", minutes=3', "*minutes are the budget of a comparison*"),
        ('compare="HEAD", rate="fast"', "*rate 'fast' is not valid*"),
    ],
)
def test_a_marker_that_cannot_be_meant_is_named(shop, marker, line):
    fails(shop, "", line=line, tests=TEST.replace('compare="{}"', marker))


def test_a_marker_without_the_fixture_fails_with_the_line_to_add(shop):
    tests = '\n    @pytest.mark.slo(compare="HEAD")\n    def test_price():\n        pass\n'
    fails(shop, "", line="*has @pytest.mark.slo(compare='HEAD'), and nothing of it is measured*", tests=tests)


def test_a_scenario_is_compared_by_the_command(shop):
    tests = """
    @tg.scenario(slo=["buy p95 <= 1s"])
    def buy(it):
        it.step("buy", int)

    @pytest.mark.slo(compare="HEAD")
    def test_buy(slo):
        slo(buy)
    """
    fails(
        shop,
        "",
        line="buy is a scenario: compare it by `tailguard duet FILE --baseline-ref HEAD`",
        tests=tests,
    )


@pytest.mark.system
@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_commit_that_lacks_what_the_test_imports_is_refused_before_anything_is_measured(shop, options):
    commit(shop, 0.0004)
    (shop.path / "src" / "cart.py").write_text("def cart():\n    pass\n", encoding="utf-8")
    tests = TEST.replace("from shop import price", "from cart import cart as price")
    fails(shop, "HEAD~1", *options, line="baseline (HEAD~1 at *No module named 'cart'*", tests=tests)
    assert shop.run.record.duet.blocks == ()


@pytest.mark.system
def test_a_test_that_is_skipped_on_a_side_is_refused_with_its_reason(shop):
    tests = TEST.replace("slo(price)", 'price.__module__ in os.environ or pytest.importorskip("shop.more")')
    (shop.path / "src" / "shop.py").unlink()
    (shop.path / "src" / "shop").mkdir()
    for name in ("__init__", "more"):
        (shop.path / "src" / "shop" / f"{name}.py").write_text(SHOP.format(0.0003), encoding="utf-8")
    git(shop.path, "add", ".")
    git(shop.path, "commit", "-q", "-m", "a package")
    tests = tests.replace("def test_price(slo):", "def test_price(slo):\n        import os").rstrip()
    fails(shop, "HEAD~1", line="baseline (HEAD~1 at *Skipped*", tests=f"{tests}\n        slo(price)\n")


@pytest.mark.system
@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("sorted", "*no module was loaded from the side's folder*"),
        ("price", "*the module shop was loaded from *"),
    ],
    ids=["nothing of the project", "an editable install"],
)
def test_what_would_be_the_same_on_both_sides_is_an_error(shop, monkeypatch, call, line):
    commit(shop, 0.0004)
    tests = TEST.replace("from shop import price\n", "").replace("slo(price)", "slo(sorted, [1])")
    if call == "price":  # as if a side had no src/: what it lacks comes from the project itself
        monkeypatch.setenv("PYTHONPATH", str(shop.path / "src"))
        git(shop.path, "rm", "-q", "-r", "--cached", "src")
        git(shop.path, "commit", "-q", "-m", "without")
        tests = TEST
        (shop.path / ".gitignore").write_text("runs\nsrc\n", encoding="utf-8")
        git(shop.path, "commit", "-q", "-a", "-m", "ignored")
    fails(shop, "HEAD~1", line=line, outcome="errors", tests=tests)


def asked(call):
    return Question("test", "test", Stated((), compare="HEAD"), call, (), {}, None)


def test_of_short_calls_many_are_one_sample():
    assert asked(int).repeated().calls > 100
    assert asked(lambda: time.sleep(0.001)).repeated().calls == 1


def test_all_calls_of_a_sample_are_made():
    made = []
    question = asked(lambda: made.append(0)).repeated()
    made.clear()
    question.scenario().journey(SimpleNamespace(step=lambda _, call, *args, **kwargs: call(*args, **kwargs)))
    assert len(made) == question.calls


def test_a_call_that_fails_is_tried_and_left_to_the_measurement():
    assert asked(lambda: 1 / 0).repeated().calls == 1


def test_a_call_that_does_not_do_its_work_is_refused_with_its_line():
    with pytest.raises(UsageError, match="returned a generator"):
        asked(lambda: (each for each in ())).repeated()


def test_a_slower_call_fails_with_both_times_and_the_pairs(tmp_path):
    slower = ComparedMetric("test_price", "call", 0.5).invalid(RULE, "20 pairs, +400.0%: slower")
    slower = replace(slower, state=State.FAIL, baseline=0.3, candidate=1.5, pairs=20, slower=20, change=4.0)
    with pytest.raises(pytest.fail.Exception) as failure:
        _raise_for(Answer((slower,), (), {}, tmp_path))
    assert str(failure.value).splitlines()[:4] == [
        "FAIL: test_price p50 of call against the baseline",
        "  baseline     300 µs",
        "  candidate    1.5 ms",
        "  pairs        20, of which 20 are slower",
    ]
    assert ("slo.change", 4.0) in properties(slower)
