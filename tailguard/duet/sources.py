"""Where a side's code comes from: a commit unpacked beside the repository, or a folder as it is; with its Python."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.base.text_format import byte_size
from tailguard.pipeline.environment import git_state
from tailguard.record.duet import CommitLine

# What decides which packages a tree needs.
_LOCKS = ("uv.lock", "pyproject.toml", "requirements.txt", "requirements-dev.txt")
# Of a folder outside of git: what no code needs, and more than code is.
_SKIPPED = {".venv", "__pycache__", "node_modules", "runs"}
MOST_FILES, MOST_BYTES = 20_000, 1 << 30
MOST_COMMITS = 50  # more than a reader looks through
_GIT_TIMEOUT_S = 120.0  # a large tree on a slow disk


@dataclass(frozen=True, slots=True)
class Source:
    """A side's code. `commit` is None outside of git; `dirty` says that the folder differs from it."""

    folder: Path
    label: str
    commit: str | None
    dirty: bool


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as a bisection names it: its whole hash, with its author, its day and the first line of its message."""

    sha: str
    author: str
    day: str
    subject: str

    def __str__(self) -> str:
        return f"{self.sha[:10]} ({self.author}, {self.day}: {self.subject})"


def working_tree(folder: Path | None = None) -> Source:
    """Return the code in `folder` as it is there now, uncommitted changes included.

    Without `folder` it is the repository around the present folder, or that folder if there is none. Raises
    UsageError if it is not a folder.
    """
    place = folder or top_level(Path.cwd()) or Path.cwd()
    if not place.is_dir():
        raise UsageError(
            f"{place} is not a folder: give one that holds a side's code, or a commit with --…-ref"
        )
    state = git_state(place)
    commit, dirty = state.commit, bool(state.dirty)
    at = f" at {commit[:10]}{', with uncommitted changes' if dirty else ''}" if commit else ""
    return Source(place.resolve(), f"{place.resolve().name}{at}", commit, dirty)


def snapshot(source: Source, into: Path) -> Source:
    """Copy a folder's files into `into`, without what git ignores: an edit during the duet must not reach it.

    Raises UsageError if they do not fit on the disk, or if a folder outside of git holds more than code does.
    """
    try:
        names = _git(source.folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").decode()
        paths = [Path(name) for name in names.split("\0") if name]
    except UsageError:  # no repository: everything but what no code needs
        paths = list(_files_of(source.folder))
    copy_files(source.folder, paths, into)
    return replace(source, folder=into)


def _files_of(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, relative to it. Raises UsageError beyond `MOST_FILES` or `MOST_BYTES`."""
    count = size = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in names:
            path = Path(place, name)
            with suppress(OSError):  # it is gone by now
                size += path.stat().st_size
            count += 1
            if count > MOST_FILES or size > MOST_BYTES:
                raise UsageError(
                    f"{folder} holds more than {MOST_FILES:,} files or {byte_size(MOST_BYTES)}, and both sides are"
                    " copied: give the folder of the code alone, or one in git, of which only its own files are copied."
                )
            yield path.relative_to(folder)


def copy_files(folder: Path, paths: Iterable[Path], into: Path) -> None:
    """Copy files, by their paths relative to `folder`; one that is gone by now is left out."""
    try:
        for path in paths:
            if (folder / path).is_file():
                (into / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(folder / path, into / path)
    except OSError as error:
        raise UsageError(
            f"Cannot copy {folder} to {into}: {error.strerror or error}. Free space there, or set TMPDIR."
        ) from error


def lay_over(folder: Path, source: Path, paths: Iterable[Path]) -> None:
    """Put files and folders of `source` in place of those of `folder`; what `source` lacks goes."""
    for path in paths:
        there, here = source / path, folder / path
        shutil.rmtree(here) if here.is_dir() else here.unlink(missing_ok=True)
        files = [each for each in there.rglob("*") if each.is_file()] if there.is_dir() else [there]
        copy_files(source, [each.relative_to(source) for each in files], folder)


def unpack_ref(ref: str, repository: Path, into: Path) -> Source:
    """Unpack a commit into `into`; the repository and its work tree stay untouched.

    Raises UsageError if it is not a commit, there is no repository, or it does not fit on the disk.
    """
    top = top_level(repository)
    if top is None:
        raise UsageError(
            f"{repository} is not in a git repository, so there is no {ref!r}: use a folder instead"
        )
    commit = resolve_ref(ref, top)
    try:
        archive = _git(top, "archive", "--format=tar", commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
            tree.extractall(into, filter="data")
    except OSError as error:
        raise UsageError(
            f"Cannot unpack {ref} into {into}: {error.strerror or error}. Free space there, or set TMPDIR."
        ) from error
    return Source(into, f"{ref} at {commit[:10]}", commit, dirty=False)


def resolve_ref(ref: str, repository: Path) -> str:
    """Return the commit that a ref names. Raises UsageError with what helps."""
    try:
        return (
            _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
            .decode()
            .strip()
        )
    except UsageError:
        shallow = _git(repository, "rev-parse", "--is-shallow-repository").strip() == b"true"
        why = (
            "This clone is shallow, it lacks older commits: in CI check out with fetch-depth: 0, else `git fetch "
            "--unshallow`."
            if shallow
            else "A branch of the remote is written origin/main and must have been fetched (in CI: check out with "
            "fetch-depth: 0)."
        )
        raise UsageError(f"{ref!r} is not a commit of {repository}. {why}") from None


def commits_after(good: str, bad: str, repository: Path) -> tuple[Commit, ...]:
    """Return the commits after `good` up to `bad`, oldest first, merges as one. Raises UsageError if there are none."""
    first, last = resolve_ref(good, repository), resolve_ref(bad, repository)
    words = ("log", "--first-parent", "--reverse", "--format=%H%x00%an%x00%as%x00%s", f"{first}..{last}")
    lines = _git(repository, *words).decode(errors="replace").splitlines()
    if not lines:
        raise UsageError(f"No commit is after {good} up to {bad}: --good is the older one, --bad the newer.")
    if _git(repository, "merge-base", first, last).decode().strip() != first:
        raise UsageError(f"{good} is not an ancestor of {bad}: give one that {bad} was built on.")
    return tuple(Commit(*line.split("\0")) for line in lines)


def commits_between(baseline: str, candidate: str, repository: Path) -> tuple[tuple[CommitLine, ...], int]:
    """Return the newest commits that the candidate has and the baseline has not, and how many older ones there are.

    None if the repository lacks one of the two.
    """
    between = f"{baseline}..{candidate}"
    words = ("log", f"--max-count={MOST_COMMITS}", "--format=%H%x00%as%x00%s", "--end-of-options", between)
    try:
        lines = _git(repository, *words).decode(errors="replace").splitlines()
        count = int(_git(repository, "rev-list", "--count", "--end-of-options", between))
    except UsageError:
        return (), 0
    found = (line.split("\0") for line in lines)
    commits = tuple(CommitLine(sha=sha, day=day, subject=subject) for sha, day, subject in found)
    return commits, count - len(commits)


def lock_hash(folder: Path) -> str:
    """Return a hash of the files that decide which packages a tree needs."""
    digest = hashlib.sha256()
    for name in _LOCKS:
        path = folder / name
        digest.update(name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    return digest.hexdigest()


def changed_files(folder: Path) -> list[Path]:
    """Return the files below `folder`, a repository's top, that git follows and that differ from its commit."""
    names = _git(folder, "diff", "--name-only", "-z", "HEAD").decode()
    return [Path(name) for name in names.split("\0") if name]


def top_level(folder: Path) -> Path | None:
    """Return the top of the work tree around a folder, None if there is none."""
    try:
        return Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())
    except UsageError:
        return None


def _git(folder: Path, *words: str) -> bytes:
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        return subprocess.run(command, capture_output=True, timeout=_GIT_TIMEOUT_S, check=True).stdout
    except FileNotFoundError as error:
        raise UsageError("git is not installed, or not on the PATH") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git {words[0]} took longer than {_GIT_TIMEOUT_S:g} s in {folder}") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise UsageError(f"git {words[0]} failed in {folder}: {said}") from error
