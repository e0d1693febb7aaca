"""Migrations of frameworks as SQL files, written by the framework itself: it is run by your own Python."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tailguard.base.errors import UsageError

PATIENCE_S = 300.0
MOST_TOLD = 500  # characters of the framework's own words; the last ones say what is wrong


def run_python(
    python: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], what: str
) -> str:
    """Run your Python in your project's folder and return what it prints. Raises UsageError in its own words."""
    try:
        done = subprocess.run(
            [python, *arguments], cwd=folder, env={**environment}, capture_output=True, text=True,
            encoding="utf-8", errors="replace", timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    except OSError as error:
        raise UsageError(
            f"{python} cannot be run ({error.strerror}): name your Python with --python."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{what} did not end within {PATIENCE_S:g} s.") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-MOST_TOLD:]
        raise UsageError(
            f"{what} ended with {done.returncode} under {python}: {said or 'nothing was said'}. If that is not your"
            " project's Python, name it with --python."
        )
    return done.stdout
