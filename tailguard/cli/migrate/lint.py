"""`tailguard migrate lint`: what the text of the migrations gets wrong, before any server sees it."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.escaping import for_workflow, for_workflow_property
from tailguard.base.output.streams import say
from tailguard.migrations.lint.finding import Finding, in_order
from tailguard.migrations.lint.rules import lint_folder, linted_files
from tailguard.migrations.migration import chosen_folder

EXIT_FOUND = 65
WITHOUT_SQUAWK = "squawk is not installed (pip install squawk-cli): only Tailguard's own rules were checked."


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), help="Your migrations (default: the suite's).")
@click.option(
    "--github/--no-github", default=None, help="Print annotations of GitHub (default: inside of its actions)."
)
@click.option("--dsn", help="Your PostgreSQL: says how large each table is; only read.")
@click.option("--schema", help="Schema of your tables (default: the connection's own search path).")
@click.option("--strict", is_flag=True, help="End with 65 for warnings too.")
def lint(
    folder: Path | None, *, github: bool | None, dsn: str | None, schema: str | None, strict: bool
) -> int:
    """Check the files of a folder: our own rules, and squawk's if it is installed."""
    from tailguard.migrations.lint.squawk import find_squawk, squawk_findings

    folder = chosen_folder(folder)
    findings = lint_folder(folder)
    squawk = find_squawk()
    if squawk is None:
        say(WITHOUT_SQUAWK, err=True)
    else:
        paths = [path for path in linted_files(folder) if not path.name.endswith(".query.sql")]
        findings = in_order([*findings, *squawk_findings(squawk, paths)])
    if dsn is not None:
        findings = _with_sizes(findings, dsn, schema)
    elif schema is not None:
        raise UsageError(f"--schema {schema} is for your own database: name it with --dsn.")
    as_annotations = os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github
    if as_annotations:
        for finding in findings:
            click.echo(annotation(finding))  # noqa: TID251  # a command on purpose, escaped as one
    else:
        say(*map(plain, findings))
        for path in linted_files(folder):
            say(f"{path}: {_counts([one for one in findings if one.path == path])}")
    say(_tally(findings), err=True)
    bad = [one for one in findings if strict or one.severity == "error"]
    return EXIT_FOUND if bad else 0


def _with_sizes(findings: Sequence[Finding], dsn: str, schema: str | None) -> list[Finding]:
    from tailguard.migrations.checks import told_plainly
    from tailguard.migrations.lint.sizes import with_sizes
    from tailguard.postgres.location import connect, locate
    from tailguard.postgres.session import for_session

    place = locate(dsn)
    assert place is not None  # a dsn is given
    conninfo = for_session(place.conninfo, *([schema] if schema else []), read_only=True)
    with told_plainly(), connect(conninfo) as connection:
        return [*with_sizes(connection, findings)]


def plain(finding: Finding) -> str:
    """Write a finding as compilers do: editors jump to it."""
    return f"{finding.path}:{finding.line}: {finding.severity}: {finding.rule}: {finding.message}"


def annotation(finding: Finding) -> str:
    """Write a finding as a workflow command of GitHub, which shows it at its line of the change."""
    file, rule = for_workflow_property(_relative(finding.path)), for_workflow_property(finding.rule)
    where = f"file={file},line={finding.line},title={rule}"
    return f"::{finding.severity} {where}::{for_workflow(finding.message)}"


def _relative(path: Path) -> str:
    """GitHub knows files by their path in the repository, where its steps run."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if path.resolve().is_relative_to(here) else str(path)


def _counts(findings: Sequence[Finding]) -> str:
    """Write what one file has: "ok", or its numbers."""
    numbers = {word: sum(one.severity == word for one in findings) for word in ("error", "warning")}
    told = [f"{number} {word}{'' if number == 1 else 's'}" for word, number in numbers.items() if number]
    return ", ".join(told) or "ok"


def _tally(findings: Sequence[Finding]) -> str:
    errors = sum(one.severity == "error" for one in findings)
    return f"{errors} errors, {len(findings) - errors} warnings"
