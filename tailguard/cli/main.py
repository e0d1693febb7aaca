"""The command line. This table is the whole of it: a command, the file it lives in."""

import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from tailguard.base.errors import InterruptedRunError, TailguardError
from tailguard.base.extras import missing_part
from tailguard.base.output.log_lines import shown_lines
from tailguard.base.output.streams import say
from tailguard.base.secrets import mask, remember
from tailguard.cli.lazy import Command, SuiteGroup

COMMANDS = {
    "run": Command("tailguard.cli.run:run", "Measure the platform, judge it, prove its migrations, report."),
    "soak": Command("tailguard.cli.soak:soak", "Run for days; judge windows and drift, with standbys."),
    "shadow": Command(
        "tailguard.cli.shadow:shadow", "Repeat users' requests to a candidate, unseen; compare."
    ),
    "control": Command("tailguard.cli.control:control", "Change the load of a run under way, or end it."),
    "preflight": Command("tailguard.cli.preflight:preflight", "Try each step once before a load test."),
    "init": Command("tailguard.cli.init:init", "Write a suite to begin with."),
    "import": Command("tailguard.cli.import_file:import_file", "Draft scenarios from OpenAPI or a HAR."),
    "duet": Command("tailguard.cli.duet:duet", "Measure two versions side by side: is one slower?"),
    "experiment": Command("tailguard.cli.experiment:experiment", "Is a claimed gain true?"),
    "bisect": Command("tailguard.cli.bisect:bisect", "Find the commit that made a metric slower."),
    "bench": Command("tailguard.cli.bench:bench", "Time commands in turns: is one slower than the first?"),
    "gate": Command("tailguard.cli.gate:gate", "Compare runs on disk, or latency files of any tool."),
    "export": Command("tailguard.cli.export:export", "Write a run as other tools read it."),
    "history": Command("tailguard.cli.history:history", "Show each metric over all runs."),
    "report": Command("tailguard.cli.report:report", "Write a run's report again."),
    "judge": Command("tailguard.cli.judge:judge", "Judge latencies that any tool wrote."),
    "verify": Command(
        "tailguard.cli.verify:verify", "Recompute a run's numbers and verdicts from its files."
    ),
    "reproduce": Command("tailguard.cli.reproduce:reproduce", "Play a recorded run again, and compare."),
    "audit": Command("tailguard.cli.audit:audit", "Pack a run into one file that others can check."),
    "migrate": Command(
        "tailguard.cli.migrate.migrate:migrate", "Build indexes concurrently, prove and heal them."
    ),
    "config": Command(
        "tailguard.cli.config:config", "Show, change, write down and compare the configuration."
    ),
    "slo": Command("tailguard.cli.slo:slo", "Show objectives, check them, propose limits."),
    "calibrate": Command("tailguard.cli.calibrate:calibrate", "Measure how often the judge is wrong here."),
}

EXIT_USAGE, EXIT_INTERNAL = 64, 70


@click.group(cls=SuiteGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
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
    remember(*(sys.argv[1:] if args is None else args), os.environ.get("DATABASE_URL", ""))
    try:
        with shown_lines():
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
            say("Interrupted.", err=True)
            return InterruptedRunError.exit_code
        case click.ClickException():
            error.show(shown := io.StringIO())
            say(*shown.getvalue().rstrip("\n").split("\n"), err=True)
            return EXIT_USAGE
        case ImportError() if missing := missing_part(error):
            say(f"Error: {missing}", err=True)
            return EXIT_USAGE
        case TailguardError():
            say(*f"Error: {mask(str(error))}".split("\n"), err=True)
            return error.exit_code
    say(*mask("".join(traceback.format_exception(error))).split("\n"), err=True)
    say("Internal error: this is Tailguard's fault, not yours. Please report the lines above.", err=True)
    return EXIT_INTERNAL
