"""squawk, the linter of PostgreSQL migrations (https://squawkhq.com), where it is installed.

Three of its rules are for statements in a transaction and harm a concurrent build; see `lint.py` for why.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.migrations.lint import CONCURRENTLY, Finding, Severity, located_statements
from tailguard.postgres.binaries import OLDEST_MAJOR

HARMFUL = frozenset({"prefer-robust-stmts", "require-lock-timeout", "require-statement-timeout"})
PATIENCE_S = 60.0


def find_squawk() -> str | None:
    """Return where squawk is: beside our Python, or on PATH."""
    beside = Path(sys.executable).parent / "squawk"
    return str(beside) if beside.exists() else shutil.which("squawk")


def squawk_findings(squawk: str, paths: Sequence[Path]) -> list[Finding]:
    """Return what squawk finds in the files. Raises UsageError where it does not answer as it should."""
    command = [squawk, "--reporter", "json", "--pg-version", str(OLDEST_MAJOR), *map(str, paths)]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE_S, check=False
    )
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        said = (done.stderr or done.stdout).strip()[:200]
        raise UsageError(
            f"{squawk} ended with {done.returncode} and no JSON: {said or 'nothing'}."
        ) from error
    builds = {path for path in paths if _has_concurrent(path)}
    findings = [_finding(one) for one in found]
    return [
        one for one in findings if not (one.path in builds and one.rule.removeprefix("squawk:") in HARMFUL)
    ]


def _finding(one: dict[str, Any]) -> Finding:
    """Its lines count from 0, ours from 1."""
    text = f"{one['message']} {one['help']}" if one.get("help") else str(one["message"])
    severity: Severity = "error" if one["level"] == "Error" else "warning"
    return Finding(Path(one["file"]), int(one["line"]) + 1, severity, f"squawk:{one['rule_name']}", text)


def _has_concurrent(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return any(CONCURRENTLY.search(statement) for _, statement in located_statements(text))
