"""The environment record is whole on this machine and honest where something is missing."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tailguard.pipeline import environment
from tailguard.pipeline.environment import describe_environment, git_state, package_versions, user_and_host
from tailguard.record.environment import Environment, GitState
from tailguard.record.run_json import decode, plain


def git(folder, *words):
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("a", encoding="utf-8")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "First")
    return tmp_path


def test_the_record_describes_this_machine():
    record = describe_environment(Path.cwd())
    assert record.cpu.logical == os.cpu_count()
    assert record.memory_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert record.python.endswith(".".join(map(str, sys.version_info[:3])))
    assert record.packages["psycopg"].startswith("3.")
    assert decode(json.dumps(plain(record)).encode(), Environment) == record


def test_the_user_and_the_host_are_recorded_only_if_somebody_asks_for_them():
    assert describe_environment(Path.cwd()).who == ""
    user, _, host = user_and_host().rpartition("@")
    assert user
    assert host == os.uname().nodename


def test_the_clock_pair_was_read_at_one_instant():
    before = time.time_ns() - time.monotonic_ns()
    clock = describe_environment(Path.cwd()).clock
    after = time.time_ns() - time.monotonic_ns()
    # A pair tells the wall time of each sample; a millisecond is the accuracy that this is used with.
    assert min(before, after) - 1e6 <= clock.wall_ns - clock.monotonic_ns <= max(before, after) + 1e6


def test_a_commit_is_clean_until_a_tracked_file_changes(repository):
    clean = git_state(repository)
    assert len(clean.commit) == 40
    assert clean.dirty is False
    (repository / "new").write_text("not tracked", encoding="utf-8")
    assert git_state(repository).dirty is False
    (repository / "a").write_text("b", encoding="utf-8")
    assert git_state(repository) == GitState(commit=clean.commit, dirty=True)
    (repository / "perf").mkdir()
    assert git_state(repository / "perf").folder == "perf/"


def test_without_a_repository_or_git_the_commit_is_absent(tmp_path, repository, monkeypatch):
    nowhere = GitState(commit=None, dirty=None)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert git_state(tmp_path / "missing") == nowhere
    monkeypatch.setenv("PATH", "")
    assert git_state(repository) == nowhere


def test_packages_that_are_not_installed_are_left_out():
    assert package_versions("no-such-distribution") == {}
    assert "hypothesis" not in package_versions(), "what only developers install is not part of a run"


def test_an_unknown_processor_is_named_by_its_architecture(monkeypatch):
    monkeypatch.setattr(environment.Path, "read_text", lambda *_, **__: "processor : 0\nBogoMIPS : 100\n")
    monkeypatch.setattr(environment.platform, "processor", lambda: "")
    monkeypatch.setattr(environment.platform, "machine", lambda: "aarch64")
    assert environment._cpu_model() == "aarch64"
