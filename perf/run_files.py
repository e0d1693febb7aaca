"""Files of a run: written beside, brought to the disk, then renamed: a reader never sees half a file."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perf.errors import UsageError

LATEST = "latest"
PART = ".part"


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
            f"Cannot save the run in {folder}: {error.strerror or error}. What was saved before is whole."
            " Free space there, or choose another folder with --set runs_dir=FOLDER."
        ) from error


@contextmanager
def stage(path: Path) -> Iterator[Path]:
    """Yield the staging path of `path`; what was written there is on the disk when the block ends."""
    staged = path.with_name(path.name + PART)
    yield staged
    with staged.open("rb") as file:
        os.fsync(file.fileno())


def stage_text(path: Path, text: str) -> Path:
    """Write `text` to the staging path of `path`, as UTF-8, and return that path."""
    with stage(path) as staged:
        staged.write_text(text, encoding="utf-8")
    return staged


def unstage(*staged: Path) -> None:
    """Give each staged file its name, in order, and bring the folders' entries to the disk."""
    for path in staged:
        path.replace(path.with_name(path.name.removesuffix(PART)))
    for folder in {path.parent for path in staged}:
        _sync_folder(folder)


def point_latest(folder: Path) -> None:
    """Let `latest` beside `folder` point to it: a link, or a file with its name where there are no links."""
    latest = folder.parent / LATEST
    fresh = folder.parent / f".{folder.name}{PART}"
    try:
        fresh.symlink_to(folder.name)
    except (OSError, NotImplementedError):
        fresh.write_text(folder.name + "\n", encoding="utf-8")
    try:
        fresh.replace(latest)
    finally:
        fresh.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
