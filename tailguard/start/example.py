"""The example suite that comes with Tailguard, written into a user's folder."""

import shutil
from pathlib import Path

from tailguard.base.errors import UsageError

EXAMPLES = ("deltacrown",)
# In the wheel the suite lies here; in a clone it is the repository itself.
_SHIPPED = Path(__file__).resolve().parent.parent / "examples"
_PARTS = ("perf", "scenarios", "slo", "reports", "migrations_sql", "reference", "tailguard.toml")


def write_example(name: str, folder: Path) -> list[Path]:
    """Copy an example's parts into `folder`; returns what was written.

    Raises UsageError if the example is unknown, or a part of it is there already: nothing is overwritten.
    """
    source = _source(name)
    parts = [part for part in _PARTS if (source / part).exists()]
    for part in parts:
        if (folder / part).exists():
            raise UsageError(f"{folder / part} is there already: choose an empty folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in parts:
            _copy(source / part, folder / part)
    except OSError as error:
        raise UsageError(
            f"Cannot write to {folder}: {error.strerror or error}. Choose another folder."
        ) from error
    return [folder / part for part in parts]


def _source(name: str) -> Path:
    if name not in EXAMPLES:
        raise UsageError(f"There is no example {name!r}. Known: {', '.join(EXAMPLES)}.")
    shipped = _SHIPPED / name
    return shipped if shipped.is_dir() else _SHIPPED.parent.parent


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, target)
