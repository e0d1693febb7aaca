"""Files of a run: written beside, brought to the disk, then renamed: a reader never sees half a file.

A run's folder may come from a stranger, so a link in it is never written through: a staged file is made anew, and the
renaming puts it in the place of whatever had its name.
"""

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import BinaryIO

from tailguard.base.errors import InvalidRunError, UsageError
from tailguard.base.own_folder import check_umask
from tailguard.base.reading.regular_file import why_not_a_file

LATEST = "latest"
REPORTS = ("report.html", "run.md")
RECORD = "run.json"
PART = ".part"
REMEDY = "Measure again, or restore the file."
LONGEST_NAME = 200  # in characters: file systems allow 255 bytes, and an ending comes on top


class BrokenRunError(InvalidRunError):
    """A file of a run is missing, cannot be read, or was changed so that it means nothing."""


@contextmanager
def naming_broken(path: Path) -> Iterator[None]:
    """Name the file of a run in what is wrong with its content, a ValueError."""
    try:
        yield
    except ValueError as error:
        raise BrokenRunError(f"{path} is broken: {error}. {REMEDY}") from error


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Turn a failed write below `folder` into a UsageError that names it; staged leftovers are removed."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            for left in folder.rglob("*" + PART):
                left.unlink()
        raise UsageError(
            f"Cannot save the run in {folder}: {_reason(error)}. What was saved before is whole."
            " Free space there, or choose another folder with --set runs_dir=FOLDER."
        ) from error


def staging(path: Path) -> Path:
    """Return where a file is written before it takes its name."""
    return path.with_name(path.name + PART)


@contextmanager
def stage(path: Path) -> Iterator[BinaryIO]:
    """Open the staging file of `path`; what was written is on the disk when the block ends. `unstage` names it.

    Raises OSError if the file cannot be made.
    """
    staged = staging(path)
    staged.unlink(missing_ok=True)  # of a killed writer, or a link that somebody put there
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    with os.fdopen(handle, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_raw(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a raw file of a run's folder, whole or not at all. Raises UsageError that names the folder."""
    with saving(path.parent):
        with stage(path) as file:
            write(file)
        unstage(path)


def subfolder(folder: Path, name: str) -> Path:
    """Return the folder `name` of a run's folder; it is made if it is missing. Raises OSError if it is a link."""
    path = folder / name
    with suppress(FileExistsError):
        path.mkdir()
    if path.is_symlink() or not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is a link or a file", str(path))
    return path


def plain_name(text: str) -> str:
    """Return `text`, which a record says and anybody may have written, as the name of a file in one folder."""
    return re.sub(r"[^\w.+@-]+", "_", text).lstrip(".")[:LONGEST_NAME] or "_"


def write_file(path: Path, content: str | bytes, remedy: str = "") -> None:
    """Write a file as `writing` does, text as UTF-8."""
    with writing(path, remedy) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def writing(path: Path, remedy: str = "") -> Iterator[BinaryIO]:
    """Write a file where a user wants it, whole or not at all; raise UsageError naming it otherwise.

    A file that is there already keeps its mode.

    Unlike in `saving`, nothing else is touched: the folder is the user's. `remedy` is a next step beyond the folder's.
    """
    try:
        with stage(path) as file:
            yield file
            if path.is_file():
                os.fchmod(file.fileno(), S_IMODE(path.stat().st_mode))
        unstage(path)
    except OSError as error:
        raise UsageError(
            f"Cannot write {path}: {_reason(error)}. Is {path.parent} there, writable and not full? {remedy}".strip()
        ) from error
    finally:
        with suppress(OSError):
            staging(path).unlink()


def unstage(*paths: Path) -> None:
    """Give each staged file its name, in order, and bring the folders' entries to the disk."""
    for path in paths:
        staging(path).replace(path)
    for folder in {path.parent for path in paths}:
        _sync_folder(folder)


def check_writable(runs_dir: Path) -> None:
    """Raise UsageError if runs cannot be written there: before minutes of measuring are lost for it."""
    there = next(path for path in (runs_dir, *runs_dir.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UsageError(
            f"Runs cannot be written to {runs_dir}: {there} is not a folder that you may write to."
        )
    latest = runs_dir / LATEST
    if latest.is_dir() and not latest.is_symlink():
        raise UsageError(
            f"{latest} is a folder, and Tailguard keeps a link to the newest run there: move it away,"
            " or choose another folder with --set runs_dir=FOLDER."
        )
    check_umask()


def point_latest(folder: Path) -> None:
    """Let `latest` beside `folder` point to it: a link, or a file with its name if there are no links."""
    latest = folder.parent / LATEST
    fresh = staging(folder.parent / f".{folder.name}")
    try:
        fresh.symlink_to(folder.name)
    except (OSError, NotImplementedError):
        with stage(folder.parent / f".{folder.name}") as file:
            file.write(f"{folder.name}\n".encode())
    try:
        fresh.replace(latest)
    finally:
        fresh.unlink(missing_ok=True)


def find_run(where: str | Path, runs_dir: Path) -> Path:
    """Return the folder of a run by folder, its name in `runs_dir`, run.json, id or `latest`.

    Raises UsageError if there is none.
    """
    path = Path(where)
    if str(where) == LATEST and not path.exists():
        path = _newest(runs_dir)
    elif not path.exists():
        by_id = runs_dir.glob(f"*-{where}") if re.fullmatch(r"[0-9a-f]{6}", str(where)) else ()
        path = next((each for each in (runs_dir / path, *by_id) if each.exists()), path)
    if path.name == RECORD:
        path = path.parent
    if path.name == LATEST and path.is_file():  # it names the folder if links cannot be made
        path = path.parent / path.read_text(encoding="utf-8").strip()
    if not (path / RECORD).is_file():
        raise UsageError(
            f"{where} is not a run: {path / RECORD} does not exist."
            f" Give a run's folder or its name in {runs_dir}, its run.json, its id or `latest`."
        )
    return path.resolve()


def sealed(report: str, record_sha256: str) -> str:
    """Return a report with its seal: a last line, which no reader is shown, of the record that it was made from."""
    return f"{report}<!-- tailguard: record {record_sha256}, report {_text_sha256(report)} -->\n"


def read_seal(report: str) -> tuple[str, str, str]:
    """Return the hashes that a report's seal says, of the record and its own, "" without one; and the own as it is."""
    text, _, seal = report.rpartition("<!-- tailguard: ")
    found = re.fullmatch(r"record ([0-9a-f]{64}), report ([0-9a-f]{64}) -->\n", seal)
    return (found[1], found[2], _text_sha256(text)) if found else ("", "", _text_sha256(report))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex. Raises BrokenRunError if it is a pipe, which may never end."""
    if why := why_not_a_file(path):
        raise BrokenRunError(f"Cannot read {path}: {why}.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError) -> str:
    """The system's own words: libraries wrap theirs around them."""
    return os.strerror(error.errno) if error.errno else str(error)


def _newest(runs_dir: Path) -> Path:
    linked = runs_dir / LATEST
    if linked.exists():
        return linked
    records = sorted(
        runs_dir.glob(f"*/{RECORD}")
    )  # the stamp sorts; `latest` may point to a run that was deleted
    if not records:
        raise UsageError(f"There is no run in {runs_dir} yet. Make one with `tailguard run`.")
    return records[-1].parent
