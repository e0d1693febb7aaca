"""The command line as users know it: no command and no option is lost by accident."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from tailguard.cli.lazy import LazyGroup
from tailguard.cli.main import cli

# One command per line, with its options and arguments. A change of this file belongs in the changelog.
KNOWN = Path(__file__).with_name("commands.txt")
HEAVY = {"numpy", "scipy", "pandas", "psycopg", "boto3", "altair", "locust", "gevent", "pyarrow"}


def commands(command, name, parent=None):
    context = click.Context(command, info_name=name, parent=parent)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            yield from commands(command.get_command(context, each), f"{name} {each}", context)
        return
    words = {
        word
        for given in command.params
        for word in (
            given.opts + given.secondary_opts
            if isinstance(given, click.Option)
            else [given.human_readable_name]
        )
    }
    yield f"{name}: {' '.join(sorted(words))}"


def test_every_command_has_the_options_that_it_is_known_for():
    assert sorted(commands(cli, "tailguard")) == KNOWN.read_text(encoding="utf-8").splitlines()


def names(command, parent=None):
    """Yield the words of each command and of each group."""
    context = click.Context(command, parent=parent)
    yield []
    if isinstance(command, LazyGroup):
        for each in command.commands_at:
            yield from ([each, *words] for words in names(command.get_command(context, each), context))


@pytest.mark.parametrize("words", [[*words, "--help"] for words in names(cli)], ids=" ".join)
def test_help_waits_for_no_heavy_library(words):
    """Their imports are what made `--help` take seconds."""
    code = (
        "import sys; from tailguard.cli.main import run_cli; run_cli(sys.argv[1:]);"
        "print(' '.join(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, check=True, encoding="utf-8"
    )
    assert "Usage: tailguard" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_the_help_names_the_suites_own_commands(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        cli.main(["--help"], prog_name="tailguard")
    assert "Commands of this suite" in (out := capsys.readouterr().out)
    assert "certificates, serve, preflight-mapping" in out
    assert "perf." not in out


@pytest.mark.system
def test_a_report_waits_for_no_library_of_the_judges():
    """Scipy takes a fifth of a second to import, and a report computes nothing."""
    modules = "tailguard.cli.report, tailguard.report.report, tailguard.report.charts.rendered_charts"
    code = f"import sys, {modules}; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8")
    assert done.stdout == "False\n"
