"""The code of a recorded run: the work tree if that is its commit, else the commit unpacked."""

from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.record.environment import GitState
from tailguard.reproduce.code import recorded_code
from tests.support.repository import git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "perf").mkdir()
    (tmp_path / "perf/a.py").write_text("first\n", encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "First")
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def state(repository: Path, *, dirty: bool = False) -> GitState:
    return GitState(commit=git(repository, "rev-parse", "HEAD"), dirty=dirty, folder="perf/")


def test_a_work_tree_that_is_the_commit_is_played_where_it_is(repository: Path) -> None:
    with recorded_code(state(repository), here=False) as code:
        assert (code.folder, Path.cwd()) == (repository / "perf", repository / "perf")
        assert code.git == state(repository)
        assert code.differences == ()
    assert Path.cwd() == repository


def test_a_changed_work_tree_stays_as_it_is_and_the_commit_is_played(repository: Path) -> None:
    recorded = state(repository)
    (repository / "perf/a.py").write_text("second\n", encoding="utf-8")
    with recorded_code(recorded, here=False) as code:
        assert Path("a.py").read_text(encoding="utf-8") == "first\n"
        assert code.git == recorded
        unpacked = code.folder
    assert not unpacked.exists()
    assert (repository / "perf/a.py").read_text(encoding="utf-8") == "second\n"


def test_here_is_the_work_tree_and_says_so(repository: Path) -> None:
    recorded = state(repository)
    (repository / "perf/a.py").write_text("second\n", encoding="utf-8")
    with recorded_code(recorded, here=True) as code:
        assert Path("a.py").read_text(encoding="utf-8") == "second\n"
        assert code.git.dirty
        assert code.differences == (f"the code of this folder is played, not commit {recorded.commit}",)


def test_changes_that_no_commit_has_are_named(repository: Path) -> None:
    with recorded_code(state(repository, dirty=True), here=False) as code:
        assert code.differences == ("the work tree had changes that its commit has not",)


def test_a_record_without_a_commit_plays_what_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with recorded_code(GitState(commit=None, dirty=None), here=False) as code:
        assert code.folder == tmp_path
        assert code.differences[0].startswith("the record names no commit")


def test_a_commit_that_is_not_here_is_refused(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    unknown = GitState(commit="a" * 40, dirty=False)
    with (
        pytest.raises(UsageError, match=rf"is not a commit of {repository}"),
        recorded_code(unknown, here=False),
    ):
        pass
    gone = GitState(commit=git(repository, "rev-parse", "HEAD"), dirty=False, folder="gone/")
    with pytest.raises(UsageError, match="which is not there"), recorded_code(gone, here=False):
        pass


@pytest.mark.parametrize("here", [True, False])
def test_a_record_that_leads_out_of_the_repository_is_refused(repository: Path, here: bool) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    outside = GitState(commit=commit, dirty=False, folder="perf/../../")
    with pytest.raises(UsageError, match="which leads out of"), recorded_code(outside, here=here):
        pass


def test_a_folder_outside_of_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(UsageError, match="is not in a git repository"),
        recorded_code(GitState(commit="a" * 40, dirty=False), here=False),
    ):
        pass
