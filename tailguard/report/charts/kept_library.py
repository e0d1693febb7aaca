"""The chart library's script in the user's cache folder: to build it takes a second of each report."""

import hashlib
import os
import stat
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import platformdirs

from tailguard.record.files import stage, unstage
from tailguard.report.charts.drawing import chart_library


def kept_chart_library() -> str:
    """Return `chart_library()`, from the cache folder if it is whole there. Raises UsageError as that does."""
    path = _place()
    if path is None:
        return chart_library()
    script = _read(path)
    if script is None:
        script = chart_library()
        _write(path, script)
    return script


def _place() -> Path | None:
    """Return where the script is kept; None for a user without a home."""
    with suppress(RuntimeError):
        path = platformdirs.user_cache_path("tailguard") / "charts" / f"{version('vl-convert-python')}.js"
        # Older releases of platformdirs name a place in the present folder, which may be a stranger's.
        return path if path.is_absolute() else None
    return None


def _read(path: Path) -> str | None:
    """Return the script; None if the file is not there, not ours alone, or not as it was written."""
    with (
        suppress(OSError),
        os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file,
    ):
        if not _is_ours_alone(os.fstat(file.fileno())):
            return None
        digest, _, script = file.read().partition(b"\n")
        return script.decode() if digest == _digest(script) else None
    return None


def _is_ours_alone(status: os.stat_result) -> bool:
    is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    return is_ours and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write(path: Path, script: str) -> None:
    """Keep the script if that is possible: without it, the next report builds its own."""
    content = script.encode()
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with stage(path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(_digest(content) + b"\n" + content)
        unstage(path)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
