"""What the text of a migration gets wrong, by file and line, before any server sees it.

The rules for concurrent builds contradict the usual advice (IF NOT EXISTS, lock_timeout), which is for statements in a
transaction: a concurrent build that fails leaves an INVALID index behind, which the one takes for success and the other
makes.
"""

from pathlib import Path

from tailguard.migrations.lint.finding import Finding, in_order
from tailguard.migrations.lint.linted import read_linted
from tailguard.migrations.lint.rules import RULES


def lint_folder(folder: Path) -> list[Finding]:
    """Return what our own rules find in a folder of migrations, the errors first, then by file and line.

    Raises UsageError if there is no such folder, or nothing in it.
    """
    read = read_linted(folder)
    return in_order(finding for rule in RULES for finding in rule.check(read))
