"""The Python of a side: ours if it needs the same packages, else an environment of its own, kept by lock hash."""

import logging
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from tailguard.base.errors import TailguardError
from tailguard.base.reading.toml_file import read_toml
from tailguard.duet.sources import lock_hash
from tailguard.pipeline.environment import requirements

log = logging.getLogger(__name__)

_READY = "tailguard-ready"  # written last: an environment without it was never finished
_LOG_LINES = 15


def python_for(folder: Path, own: Path) -> Path:
    """Return the Python that runs the code in `folder`; `own` is the tree that the running one was installed for.

    Builds an environment if the two trees' lock files differ; a second call with the same lock takes it from the
    cache. Raises TailguardError with the end of the installer's log.
    """
    wanted = lock_hash(folder)
    if wanted == lock_hash(own) or not (folder / "pyproject.toml").is_file():
        return Path(sys.executable)
    place = platformdirs.user_cache_path("tailguard") / "environments" / wanted[:16]
    if not (place / _READY).is_file():
        log.info("installing the packages of %s into %s (once for these requirements)", folder.name, place)
        _build(place, _requirements(folder))
    return place / "bin" / "python"


def _requirements(folder: Path) -> list[str]:
    """The tree's own requirements and the instrument's: both run in one process."""
    project = read_toml(folder / "pyproject.toml")[0].get("project", {})
    return [*map(str, project.get("dependencies", [])), *requirements().values()]


def _build(place: Path, requirements: list[str]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    python = place / "bin" / "python"
    _run([sys.executable, "-m", "venv", str(place)], place)
    installer = (
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
        if find_spec("uv")
        else [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    _run([*installer, *requirements], place)
    (place / _READY).touch()


def _run(command: list[str], place: Path) -> None:
    done = subprocess.run(command, capture_output=True, check=False, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-_LOG_LINES:])
        raise TailguardError(f"the environment {place} could not be built:\n{said}")
