"""`tailguard migrate lint`: what the text of the migrations gets wrong, before any server sees it."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.migrations.lint.finding import Finding, in_order
from tailguard.migrations.lint.linted import linted_files
from tailguard.migrations.migration import chosen_folder

EXIT_FOUND = 65
WITHOUT_SQUAWK = "squawk is not installed (pip install squawk-cli): only Tailguard's own rules were checked."


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), help="Your migrations (default: the suite's).")
@click.option(
    "--format", "kind", type=click.Choice(["text", "github", "sarif"]),
    help="Lines to read, annotations of GitHub, or one SARIF log (default: github inside of its actions, else text).",
)  # fmt: skip
@click.option("--dsn", help="Your PostgreSQL: says how large each table is; only read.")
@click.option("--schema", help="Schema of your tables (default: the connection's own search path).")
@click.option("--strict", is_flag=True, help="End with 65 for warnings too.")
def lint(folder: Path | None, *, kind: str | None, dsn: str | None, schema: str | None, strict: bool) -> int:
    """Check the files of a folder: our own rules, and squawk's if it is installed."""
    from tailguard.migrations.lint.check import lint_folder
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
    _print(findings, linted_files(folder), kind or _usual_kind())
    say(_tally(findings), err=True)
    bad = [one for one in findings if strict or one.severity == "error"]
    return EXIT_FOUND if bad else 0


def _usual_kind() -> str:
    return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"


def _print(findings: Sequence[Finding], files: Sequence[Path], kind: str) -> None:
    from tailguard.migrations.lint.written import annotation, plain, sarif

    if kind == "sarif":
        click.echo(sarif(findings), nl=False)  # noqa: TID251  # a file, escaped for its own reader
    elif kind == "github":
        for finding in findings:
            click.echo(annotation(finding))  # noqa: TID251  # a command on purpose, escaped as one
    else:
        say(*map(plain, findings))
        for path in files:
            say(f"{path}: {_counts([one for one in findings if one.path == path])}")


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


def _counts(findings: Sequence[Finding]) -> str:
    """Write what one file has: "ok", or its numbers."""
    numbers = {word: sum(one.severity == word for one in findings) for word in ("error", "warning")}
    told = [f"{number} {word}{'' if number == 1 else 's'}" for word, number in numbers.items() if number]
    return ", ".join(told) or "ok"


def _tally(findings: Sequence[Finding]) -> str:
    errors = sum(one.severity == "error" for one in findings)
    return f"{errors} errors, {len(findings) - errors} warnings"
