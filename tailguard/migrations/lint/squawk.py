"""squawk, the linter of PostgreSQL migrations (https://squawkhq.com), if it is installed.

Three of its rules are for statements in a transaction and harm a concurrent build; see `check.py` for why.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.reading.json_text import JsonError, decode
from tailguard.migrations.lint.finding import Finding, Severity
from tailguard.migrations.lint.linted import CONCURRENTLY, INDEX_WORK
from tailguard.migrations.text.sql import located_statements
from tailguard.postgres.binaries import OLDEST_MAJOR

HARMFUL = frozenset({"prefer-robust-stmts", "require-lock-timeout", "require-statement-timeout"})
PATIENCE_S = 60.0


class _Found(msgspec.Struct, frozen=True):
    """What squawk's JSON reporter says of one finding; its lines count from 0, ours from 1."""

    file: str
    line: int
    level: str
    rule_name: str
    message: str
    help: str | None = None

    @property
    def finding(self) -> Finding:
        """The same as a finding of Tailguard's."""
        text = f"{self.message} {self.help}" if self.help else self.message
        severity: Severity = "error" if self.level == "Error" else "warning"
        return Finding(Path(self.file), self.line + 1, severity, f"squawk:{self.rule_name}", text)


def find_squawk() -> str | None:
    """Return the path of squawk, beside our Python or on PATH; None if it is not installed."""
    beside = Path(sys.executable).parent / "squawk"
    return str(beside) if beside.exists() else shutil.which("squawk")


def squawk_findings(squawk: str, paths: Sequence[Path]) -> list[Finding]:
    """Return what squawk finds in the files. Raises UsageError if it answers otherwise than we know."""
    command = [squawk, "--reporter", "json", "--pg-version", str(OLDEST_MAJOR), *map(str, paths)]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE_S, check=False
    )
    try:
        found = decode(done.stdout, list[_Found])
    except JsonError as error:
        said = (done.stderr or done.stdout).strip()[:200]
        raise UsageError(
            f"{squawk} ended with {done.returncode} and no JSON that we know: {said or 'nothing'}."
        ) from error
    builds = {path for path in paths if _has_index_work(path)}
    findings = [one.finding for one in found]
    return [
        one for one in findings if not (one.path in builds and one.rule.removeprefix("squawk:") in HARMFUL)
    ]


def _has_index_work(path: Path) -> bool:
    """Whether a file builds or drops an index; what is not concurrent yet, our own rules want so."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return any(
        CONCURRENTLY.search(statement) or INDEX_WORK.match(statement)
        for _, statement in located_statements(text)
    )
