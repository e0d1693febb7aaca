"""The command line. This table is the whole of it: a command, the file it lives in."""

import sys
import traceback
from collections.abc import Sequence

import click

from perf.errors import TailguardError
from tailguard.lazy import LazyGroup

COMMANDS = {
    "run": "tailguard.run:run",
    "report": "tailguard.report:report",
    "judge": "tailguard.judge:judge",
    "verify": "tailguard.verify:verify",
    "migrate": "tailguard.migrate:migrate",
    "serve": "tailguard.serve:serve",
    "config": "tailguard.config:config",
    "slo": "tailguard.slo:slo",
    "calibrate": "tailguard.calibrate:calibrate",
}

EXIT_USAGE, EXIT_INTERNAL, EXIT_INTERRUPTED = 64, 70, 130


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tailguard")
def cli() -> None:
    """Tailguard: is this change safe? Measures the platform, judges it, proves its migrations.

    \b
    Exit codes: 0 all PASS, 99 an SLO is breached, 75 inconclusive, 65 the run is invalid or an invariant broke,
    64 usage or configuration, 70 internal error, 130 interrupted (what was measured is saved).
    """


def run_cli(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. A user's own mistake never ends in a traceback."""
    try:
        code = cli.main(args=None if arguments is None else list(arguments), prog_name="tailguard", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except TailguardError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `tailguard ... | head`: the reader has what it wanted
        return 0
    except Exception:  # noqa: BLE001  # the last resort: an internal error is shown whole and has its own code
        traceback.print_exc()
        click.echo("Internal error: this is a fault of Tailguard, not yours. Please report the lines above.", err=True)
        return EXIT_INTERNAL
    return code if isinstance(code, int) else 0


def main() -> None:
    """Entry point of the `tailguard` command."""
    sys.exit(run_cli())


if __name__ == "__main__":
    main()
