"""A first suite, written into a user's folder: one scenario, where it is, and the job that runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import Template

from tailguard.base.errors import UsageError
from tailguard.config.suite_table import FILE_NAME, nearest_file
from tailguard.start.look import Found, look

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_JOB = Path(".github/workflows/performance.yml")
SCENARIO = Path("perf_first.py")
# A pull request's own code beside its base's; only code that is called in the measuring process can be compared so.
_DUET = """\
      - if: github.event_name == 'pull_request'
        env:
          BASE: ${{ github.base_ref }}
        run: tailguard duet --baseline-ref "origin/$BASE"
"""

_START = "      # Start your service here, or name one that runs already.\n"


@dataclass(frozen=True, slots=True)
class Begun:
    """What was found and written, and the one command that runs it; `needs` are packages to install before."""

    found: Found
    written: tuple[Path, ...]
    command: str
    needs: tuple[str, ...]


def write_suite(folder: Path) -> Begun:
    """Look at a folder and write a suite of one scenario into it; nothing is overwritten.

    Raises UsageError if the folder has a suite already, or one of the files is there.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name the one that your service's code is in.")
    if suite := nearest_file(folder.resolve()):
        raise UsageError(
            f"{suite} is there already: add a scenario to its suite, or begin in another folder."
        )
    found = look(folder)
    texts = _texts(found, folder)
    for path in texts:
        if (folder / path).exists():
            raise UsageError(f"{folder / path} is there already, and is not overwritten: move it away first.")
    try:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"Cannot write to {folder}: {error.strerror or error}. Choose another folder."
        ) from error
    needs = ("httpx",) if found.kind == "asgi" and find_spec("httpx") is None else ()
    return Begun(found, tuple(folder / path for path in texts), _command(found), needs)


def _command(found: Found) -> str:
    return f"tailguard run --target {found.url}" if found.kind == "http" else "tailguard run"


def _texts(found: Found, folder: Path) -> dict[Path, str]:
    """Return what is written, by its path."""
    elsewhere = found.kind == "http"
    duet, start = ("", _START) if elsewhere else (_DUET, "")
    words = {
        **found.names, "what": found.what, "path": found.path, "url": found.url,
        "run": _command(found), "install": _install(found, folder), "duet": duet, "start": start,
    }  # fmt: skip
    return {
        SCENARIO: _filled(f"perf_{found.kind}.txt", words),
        Path(FILE_NAME): _filled("tailguard_toml.txt", words),
        _JOB: _filled("ci_yml.txt", words),
    }


def _filled(template: str, words: Mapping[str, str]) -> str:
    return Template((_TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)


def _install(found: Found, folder: Path) -> str:
    own = ["-r requirements.txt"] if (folder / "requirements.txt").is_file() else []
    own += ["-e ."] if (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file() else []
    return " ".join(["pip install tailguard", *(["httpx"] if found.kind == "asgi" else []), *own])
