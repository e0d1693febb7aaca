"""The scripts of .ci/ that workflows call, run as there; `gh`, `apt-get` and `tailguard` are stood in for.

What tailguard is asked is held against its command line.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tailguard.cli.main import cli

pytestmark = pytest.mark.system

CI = Path(__file__).parents[2] / ".ci"
Ci = Callable[..., subprocess.CompletedProcess[str]]
# Says in `asked` what it was asked, with tabs between the words, and answers.
STANDS_IN = """#!/bin/sh
(IFS='\t'; echo "$(basename "$0")\t$*") >> asked
{answer}
"""


@pytest.fixture
def ci(tmp_path: Path) -> Ci:
    """Run a script in an empty folder, with programs of that folder's `bin` first on the path."""

    def start(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", **environment}
        env |= {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        command = [CI / name, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return start


def stand_in(folder: Path, name: str, answer: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text(STANDS_IN.format(answer=answer), encoding="utf-8")
    path.chmod(0o755)
    return path


def asked(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / "asked").read_text(encoding="utf-8").splitlines()]


def checked(commands: list[list[str]]) -> list[str]:
    """Return the commands that tailguard was given, as lines. Raises click.UsageError for one that it does not have."""
    for _, name, *words in commands:
        command = cli.get_command(click.Context(cli), name)
        assert command, name
        command.make_context(name, list(words))
    return [" ".join(words) for _, *words in commands]


def finish(folder: Path) -> None:
    (folder / "runs" / "latest").mkdir(parents=True)
    (folder / "runs" / "latest" / "run.json").touch()


def test_the_history_of_the_last_good_night_is_fetched(ci: Ci, tmp_path: Path) -> None:
    stand_in(tmp_path, "bin/gh", 'if [ "$2" = list ]; then echo 17; fi')
    assert ci("fetch_history").returncode == 0
    assert asked(tmp_path)[1] == [
        "gh",
        "run",
        "download",
        "17",
        "--name",
        "tailguard-history",
        "--dir",
        "before",
    ]


def test_the_first_night_has_no_history(ci: Ci, tmp_path: Path) -> None:
    stand_in(tmp_path, "bin/gh", "")
    done = ci("fetch_history")
    assert (done.returncode, done.stdout) == (0, "No night before this one.\n")
    assert len(asked(tmp_path)) == 1


def test_a_history_that_cannot_be_fetched_fails_the_step(ci: Ci, tmp_path: Path) -> None:
    stand_in(tmp_path, "bin/gh", 'if [ "$2" = list ]; then echo 17; else exit 1; fi')
    assert ci("fetch_history").returncode == 1


@pytest.mark.parametrize(("before", "imports"), [(False, ""), (True, " --import before/history.parquet")])
def test_the_history_goes_from_night_to_night(
    ci: Ci, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, before: bool, imports: str
) -> None:
    monkeypatch.chdir(tmp_path)
    stand_in(tmp_path, ".venv/bin/tailguard", "")
    if before:
        (tmp_path / "before").mkdir()
        (tmp_path / "before" / "history.parquet").touch()
    done = ci("keep_history")
    assert done.returncode == 0, done.stderr
    assert checked(asked(tmp_path)) == [f"history{imports} --export history.parquet --html history.html"]


def test_the_newest_run_is_summarised(ci: Ci, tmp_path: Path) -> None:
    finish(tmp_path)
    tailguard = stand_in(tmp_path, "bin/tailguard", 'echo "in $6"')
    done = ci("summarise", str(tailguard), "runs")
    assert done.returncode == 0, done.stderr
    assert len(checked(asked(tmp_path))) == 2
    assert done.stdout == "in github-annotations\n"
    assert (tmp_path / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8") == "in github-summary\n"


def test_nothing_is_summarised_where_nothing_was_measured(ci: Ci, tmp_path: Path) -> None:
    tailguard = stand_in(tmp_path, "bin/tailguard", "exit 1")
    assert ci("summarise", str(tailguard), "runs").returncode == 0


@pytest.mark.parametrize(
    ("code", "undecided", "ends"),
    [(0, "warn", 0), (99, "warn", 99), (75, "warn", 0), (75, "fail", 75), (65, "warn", 65)],
)
def test_the_action_ends_as_its_duet_and_as_it_was_told_of_an_undecided_one(
    ci: Ci, tmp_path: Path, code: int, undecided: str, ends: int
) -> None:
    finish(tmp_path)
    tailguard = stand_in(tmp_path, "bin/tailguard", f'[ "$1" != duet ] || exit {code}')
    of_action = {"BASELINE_REF": "main; exit 1", "PAIRS": "40", "MINUTES": "20", "RUNS_DIR": "runs"}
    done = ci("duet", str(tailguard), **of_action, INCONCLUSIVE=undecided)
    assert done.returncode == ends, done.stderr
    duet, *exports = checked(asked(tmp_path))
    assert duet == "duet --baseline-ref main; exit 1 --pairs 40 --minutes 20 --set runs_dir=runs"
    assert exports[-1] == "export latest --runs-dir runs --format github-comment --format junit"
    assert (tmp_path / "GITHUB_OUTPUT").read_text(encoding="utf-8") == f"exit-code={code}\n"


COMMENT = {"RUN": "8", "NUMBER": "5", "GH_REPO": "a/b"}


@pytest.mark.parametrize(
    ("old", "last"),
    [
        ("", "gh api --method POST repos/a/b/issues/5/comments --field body=@duet/x/comment.md --silent"),
        ("3", "gh api --method PATCH repos/a/b/issues/comments/3 --field body=@duet/x/comment.md --silent"),
    ],
    ids=["the first", "one after another"],
)
def test_there_is_one_comment(ci: Ci, tmp_path: Path, old: str, last: str) -> None:
    answers = (
        f'case "$*" in *download*) mkdir -p duet/x; : > duet/x/comment.md ;; *paginate*) echo {old} ;; esac'
    )
    stand_in(tmp_path, "bin/gh", answers)
    done = ci("comment", **COMMENT)
    assert done.returncode == 0, done.stderr
    assert " ".join(asked(tmp_path)[-1]) == last


def test_a_duet_that_wrote_no_comment_changes_none(ci: Ci, tmp_path: Path) -> None:
    stand_in(tmp_path, "bin/gh", "mkdir -p duet")
    done = ci("comment", **COMMENT)
    assert (done.returncode, done.stdout) == (0, "The duet wrote no comment.\n")
    assert len(asked(tmp_path)) == 1


def test_the_packages_of_a_server_start_none(ci: Ci, tmp_path: Path) -> None:
    settings = tmp_path / "etc" / "postgresql-common" / "createcluster.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("#create_main_cluster = true\n", encoding="utf-8")
    (tmp_path / "usr" / "sbin").mkdir(parents=True)
    stand_in(tmp_path, "bin/apt-get", "usr/sbin/policy-rc.d; echo $? >> policies")
    done = ci("install_postgres", "postgresql-15", DESTDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [words[-1] for words in asked(tmp_path)] == ["postgresql-common", "postgresql-15"]
    assert (tmp_path / "policies").read_text(encoding="utf-8") == "101\n101\n"
    assert settings.read_text(encoding="utf-8") == "create_main_cluster = false\n"
    assert not (tmp_path / "usr" / "sbin" / "policy-rc.d").exists()
