"""Alembic: `upgrade A:B --sql`, one file for each revision."""

import re
from collections.abc import Mapping
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.migrations.frameworks import run_python

RANGE = re.compile(r"(?P<since>[\w-]+):(?P<to>[\w@-]+)")
RUNNING = re.compile(r"^-- Running upgrade (?P<since>\S*) ?-> (?P<to>[^\n]+)$", re.MULTILINE)
CURRENT = re.compile(r"^(?P<revision>\w+)(?: \(.*\))?$", re.MULTILINE)
NAME = re.compile(r"\W+")


def alembic_files(
    ini: Path, python: str, revisions: str | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the SQL of each revision, by the name of its file, in Alembic's order.

    Without `revisions`, A:B, they are those after the database's own. Raises UsageError if Alembic refuses.
    """
    if revisions is not None and RANGE.fullmatch(revisions) is None:
        raise UsageError(f"--revisions {revisions}: write A:B, such as base:head or 1975ea83b712:head.")
    wanted = revisions or f"{_current(ini, python, environment)}:head"
    command = ["-m", "alembic", "-c", ini.name, "upgrade", wanted, "--sql"]
    text = run_python(python, command, ini.parent, environment, f"alembic upgrade {wanted} --sql")
    return _parted(text)


def _current(ini: Path, python: str, environment: Mapping[str, str]) -> str:
    """Ask for the database's revision, "base" if it has none."""
    command = ["-m", "alembic", "-c", ini.name, "current"]
    found = CURRENT.findall(run_python(python, command, ini.parent, environment, "alembic current"))
    if len(found) > 1:
        raise UsageError(
            f"The database has several revisions, {', '.join(found)}: name A:B with --revisions."
        )
    return found[0] if found else "base"


def _parted(text: str) -> dict[str, str]:
    """Part what Alembic writes at its own remarks; what is cut out of a transaction becomes one of its own."""
    starts = [*RUNNING.finditer(text)]
    if not starts:
        return {}
    ends = [*(start.start() for start in starts[1:]), len(text)]
    found, at = {}, 0  # what stands before the first revision makes Alembic's own table: it belongs to that
    for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        begin = "BEGIN;\n\n" if _in_transaction(text, at) else ""
        commit = "\nCOMMIT;\n" if _in_transaction(text, end) else ""
        name = NAME.sub("_", start["to"]).strip("_")
        found[f"{number:03}_{name}.sql"] = f"{begin}{text[at:end].strip()}\n{commit}"
        at = end
    return found


def _in_transaction(text: str, at: int) -> bool:
    return text.rfind("BEGIN;", 0, at) > text.rfind("COMMIT;", 0, at)
