"""The code that a run measured: its commit unpacked, or the work tree if that is the commit."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tailguard.base.errors import UsageError
from tailguard.duet.sources import top_level, unpack_ref
from tailguard.pipeline.environment import git_state
from tailguard.record.environment import GitState


@dataclass(frozen=True, slots=True)
class Code:
    """The folder of the suite, the commit that is there, and what is not as it was, in words."""

    folder: Path
    git: GitState
    differences: tuple[str, ...]


@contextmanager
def recorded_code(recorded: GitState, *, here: bool) -> Iterator[Code]:
    """Yield the recorded commit's code, or with `here` that of the work tree as it is; it is the present folder then.

    Raises UsageError if the present folder is not in a repository that has the commit.
    """
    top = top_level(Path.cwd())
    if here or recorded.commit is None:
        folder = _inside(top or Path.cwd(), recorded)
        yield from _entered(Code(folder, git_state(folder), tuple(_of_work_tree(recorded, here=here))))
        return
    if top is None:
        raise UsageError(
            f"The run measured commit {recorded.commit}, and {Path.cwd()} is not in a git repository."
            " Go into a clone of that one, or give --here to play the code of this folder."
        )
    known = ("the work tree had changes that its commit has not",) if recorded.dirty else ()
    now = git_state(_inside(top, recorded))
    if now.commit == recorded.commit and not now.dirty:
        yield from _entered(Code(_inside(top, recorded), now, known))
        return
    with TemporaryDirectory(prefix="tailguard-reproduce-") as name:
        unpack_ref(recorded.commit, top, into := Path(name).resolve())
        clean = GitState(commit=recorded.commit, dirty=False, folder=recorded.folder)
        yield from _entered(Code(_inside(into, recorded), clean, known))


def _inside(top: Path, recorded: GitState) -> Path:
    """Return the recorded folder below `top`. Raises UsageError if it leads out of there."""
    folder = top / recorded.folder
    if not folder.resolve().is_relative_to(top.resolve()):
        raise UsageError(
            f"The record names the folder {recorded.folder}, which leads out of {top}. Look at who made it."
        )
    return folder


def _of_work_tree(recorded: GitState, *, here: bool) -> Iterator[str]:
    if recorded.commit is None:
        yield "the record names no commit, so the code of this folder is played as it is"
    elif here:
        yield f"the code of this folder is played, not commit {recorded.commit}"


def _entered(code: Code) -> Iterator[Code]:
    if not code.folder.is_dir():
        raise UsageError(
            f"The run's suite was in {code.folder}, which is not there. Go into the folder of its project."
        )
    with chdir(code.folder):
        yield code
