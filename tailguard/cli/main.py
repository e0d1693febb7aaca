"""The command line. This table is the whole of it: a command, the file it lives in."""

import traceback
from collections.abc import Sequence

import click

from tailguard.base.errors import InterruptedRunError, TailguardError
from tailguard.base.secrets import mask
from tailguard.cli.lazy import LazyGroup

COMMANDS = {
    "run": "tailguard.cli.run:run",
    "duet": "tailguard.cli.duet:duet",
    "gate": "tailguard.cli.gate:gate",
    "export": "tailguard.cli.export:export",
    "history": "tailguard.cli.history:history",
    "report": "tailguard.cli.report:report",
    "judge": "tailguard.cli.judge:judge",
    "verify": "tailguard.cli.verify:verify",
    "migrate": "tailguard.cli.migrate.migrate:migrate",
    "certificates": "perf.certificates:certificates",
    "serve": "perf.serve:serve",
    "preflight": "perf.preflight:preflight",
    "config": "tailguard.cli.config:config",
    "slo": "tailguard.cli.slo:slo",
    "calibrate": "tailguard.cli.calibrate:calibrate",
}

EXIT_USAGE, EXIT_INTERNAL = 64, 70


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tailguard")
def cli() -> None:
    """Tailguard: is this change safe? Measures the platform, judges it, proves its migrations.

    \b
    Exit codes: 0 all PASS, 99 an SLO is breached, 75 inconclusive, 65 the run is invalid or an
    invariant broke, 64 usage or configuration, 70 internal error, 130 interrupted (what was measured is saved).
    """


def run_cli(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. A user's own mistake never ends in a traceback."""
    args = None if arguments is None else list(arguments)
    try:
        code = cli.main(args=args, prog_name="tailguard", standalone_mode=False)
    except Exception as error:  # noqa: BLE001  # the last resort: `explain` knows ours, and shows the others whole
        return explain(error)
    return code if isinstance(code, int) else 0


def explain(error: Exception) -> int:
    """Tell the user what went wrong and return the exit code that says the same to a script."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.Abort():
            click.echo("Interrupted.", err=True)
            return InterruptedRunError.exit_code
        case click.ClickException():
            error.show()
            return EXIT_USAGE
        case TailguardError():
            click.echo(f"Error: {mask(str(error))}", err=True)
            return error.exit_code
        case BrokenPipeError():  # `tailguard ... | head`: the reader has what it wanted
            return 0
    click.echo(mask("".join(traceback.format_exception(error))), err=True)
    click.echo(
        "Internal error: this is Tailguard's fault, not yours. Please report the lines above.", err=True
    )
    return EXIT_INTERNAL
