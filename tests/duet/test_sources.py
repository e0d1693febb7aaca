"""Where a side's code comes from: commits and folders, copied, with the repository left alone."""

from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.duet import sources
from tailguard.duet.side_spec import SideSpec
from tailguard.duet.sides import sides_from
from tailguard.duet.sources import commits_between, lock_hash, snapshot, unpack_ref, working_tree
from tests.support.repository import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of one file, and an ignored one."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / ".gitignore").write_text("secret.txt\n", encoding="utf-8")
    for text in ("old", "new"):
        (folder / "code.py").write_text(text, encoding="utf-8")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", text)
    (folder / "secret.txt").write_text("hush", encoding="utf-8")
    return folder


def test_a_commit_is_unpacked_and_the_repository_left_alone(repository: Path, tmp_path: Path) -> None:
    before = git(repository, "worktree", "list")
    source = unpack_ref("HEAD~1", repository, tmp_path / "old")
    assert (tmp_path / "old" / "code.py").read_text(encoding="utf-8") == "old"
    assert source.label.startswith("HEAD~1 at ")
    assert git(repository, "worktree", "list") == before
    assert git(repository, "status", "--porcelain") == ""


def test_the_commits_between_two_are_those_that_the_second_has_alone_newest_first(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository, "checkout", "-q", "-b", "side", "HEAD~1")
    git(repository, "commit", "-q", "--allow-empty", "-m", "only on the side")
    for subject in ("<b>one</b>", "two"):
        git(repository, "commit", "-q", "--allow-empty", "-m", f"{subject}\n\nbody")
    sha = {each: git(repository, "rev-parse", each).strip() for each in ("main", "side")}
    found, older = commits_between(sha["main"], sha["side"], repository)
    assert [each.subject for each in found] == ["two", "<b>one</b>", "only on the side"]
    assert (found[0].sha, older) == (sha["side"], 0)
    monkeypatch.setattr(sources, "MOST_COMMITS", 2)
    found, older = commits_between(sha["main"], sha["side"], repository)
    assert ([each.subject for each in found], older) == (["two", "<b>one</b>"], 1)
    assert commits_between(sha["side"], sha["side"], repository) == ((), 0)
    assert commits_between("0" * 40, sha["side"], repository) == ((), 0), "of another repository"
    assert commits_between(sha["main"], sha["side"], tmp_path) == ((), 0), "in no repository"


def test_a_dirty_work_tree_is_copied_as_it_is_and_called_dirty(repository: Path, tmp_path: Path) -> None:
    (repository / "code.py").write_text("changed", encoding="utf-8")
    (repository / "added.py").write_text("untracked", encoding="utf-8")
    source = snapshot(working_tree(repository), tmp_path / "copy")
    assert "with uncommitted changes" in source.label
    assert (tmp_path / "copy" / "code.py").read_text(encoding="utf-8") == "changed"
    assert (tmp_path / "copy" / "added.py").exists()
    assert not (tmp_path / "copy" / "secret.txt").exists()
    (repository / "code.py").write_text("later", encoding="utf-8")
    assert (tmp_path / "copy" / "code.py").read_text(encoding="utf-8") == "changed"


@pytest.mark.parametrize("ref", ["no-such-branch", "--upload-pack=x", "HEAD~99"])
def test_an_unknown_ref_is_named_with_what_helps(repository: Path, tmp_path: Path, ref: str) -> None:
    with pytest.raises(UsageError, match=r"is not a commit of .* fetch-depth: 0"):
        unpack_ref(ref, repository, tmp_path / "x")


def test_a_folder_outside_of_git_has_no_refs_but_can_be_a_side(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "code.py").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is not in a git repository"):
        unpack_ref("HEAD", plain, tmp_path / "x")
    assert (snapshot(working_tree(plain), tmp_path / "copy").folder / "code.py").exists()


@pytest.mark.parametrize("bound", ["MOST_FILES", "MOST_BYTES"])
def test_a_folder_of_more_than_code_is_refused(tmp_path: Path, bound: str, monkeypatch) -> None:
    (plain := tmp_path / "plain").mkdir()
    for number in range(3):
        (plain / f"{number}.py").write_text("pass")
    monkeypatch.setattr(sources, bound, 2)
    with pytest.raises(
        UsageError, match=f"{plain} holds more than .* files or .*: give the folder of the code alone"
    ):
        snapshot(working_tree(plain), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        working_tree(tmp_path / "lost")


def test_a_disk_that_is_full_is_said_with_what_helps(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copy2", full)
    with pytest.raises(UsageError, match=r"No space left on device.*TMPDIR"):
        snapshot(working_tree(repository), tmp_path / "copy")


def test_the_lock_hash_changes_with_what_is_required_only(repository: Path) -> None:
    before = lock_hash(repository)
    (repository / "code.py").write_text("x", encoding="utf-8")
    assert lock_hash(repository) == before
    (repository / "uv.lock").write_text("x", encoding="utf-8")
    assert lock_hash(repository) != before


def test_a_missing_baseline_is_an_error() -> None:
    with pytest.raises(UsageError, match="no baseline to compare with"):
        sides_from(SideSpec(), SideSpec(), {})


def test_the_environment_names_a_baseline_by_ref_or_folder(tmp_path: Path) -> None:
    assert (
        sides_from(SideSpec(), SideSpec(), {"TAILGUARD_BASELINE": "origin/main"})["baseline"].ref
        == "origin/main"
    )
    assert sides_from(SideSpec(), SideSpec(), {"TAILGUARD_BASELINE": str(tmp_path)})[
        "baseline"
    ].folder == str(tmp_path)


def test_a_side_is_a_commit_or_a_folder() -> None:
    with pytest.raises(UsageError, match="one thing"):
        sides_from(SideSpec(ref="a", folder="b"), SideSpec(), {})


def test_a_candidates_fault_alone_is_an_a_b_of_the_same_tree() -> None:
    sides = sides_from(SideSpec(), SideSpec(environ={"TAILGUARD_FAULTS": "delay_pct=10"}), {})
    assert not sides["baseline"].environ
