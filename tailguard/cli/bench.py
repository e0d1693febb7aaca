"""`tailguard bench`: commands timed in turns; is one slower than the first?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tailguard.base.output.streams import say
from tailguard.bench.commands import AUTO
from tailguard.cli.number_range import NumberRange
from tailguard.config.merge import load_config

if TYPE_CHECKING:
    from tailguard.record.run import Run


@click.command()
@click.argument("commands", nargs=-1, required=True, metavar="COMMAND...")
@click.option(
    "-L",
    "--parameter-list",
    "lists",
    nargs=2,
    multiple=True,
    metavar="VAR VALUES",
    help="Run each command with each value of the list, such as -L size 10,100; {size} is filled in.",
)
@click.option(
    "-P",
    "--parameter-scan",
    "scans",
    nargs=3,
    multiple=True,
    metavar="VAR MIN MAX",
    help="As -L, for a range.",
)
@click.option(
    "-D", "--parameter-step-size", "step", default="1", show_default=True, help="Step of the ranges."
)
@click.option(
    "-n", "--command-name", "names", multiple=True, help="Name of a command; once for each command."
)
@click.option(
    "--reference", default="", help="Command that the others are compared with (default: the first)."
)
@click.option(
    "-w", "--warmup", type=click.IntRange(0, 100_000), default=0, help="Runs before the first timed one."
)
@click.option(
    "-r", "--runs", type=click.IntRange(1, 1_000_000), help="Exactly this many runs of each command."
)
@click.option("-m", "--min-runs", type=click.IntRange(1, 1_000_000), default=10, show_default=True)
@click.option("-M", "--max-runs", type=click.IntRange(1, 1_000_000), default=1000, show_default=True)
@click.option(
    "--minutes",
    type=NumberRange(0.01, 10_080),
    default=5.0,
    show_default=True,
    help="Budget of time, all commands.",
)
@click.option("-s", "--setup", default="", help="Command before all runs of each command; not timed.")
@click.option("-p", "--prepare", default="", help="Command before each run; not timed.")
@click.option("--conclude", default="", help="Command after each run; not timed.")
@click.option("-c", "--cleanup", default="", help="Command after all runs, also if one failed; not timed.")
@click.option(
    "-S",
    "--shell",
    default=AUTO,
    show_default=True,
    help="Shell that runs the commands, or none; auto takes one only if a command needs it. Its start-up time is "
    "measured and subtracted.",
)
@click.option("-N", "no_shell", is_flag=True, help="The same as --shell none.")
@click.option(
    "--input", "given", type=click.Path(exists=True, dir_okay=False), help="File that each run reads."
)
@click.option("--show-output", is_flag=True, help="Show what the commands write.")
@click.option(
    "--timeout", type=NumberRange(0.001, 604_800), help="Seconds after which a run is killed and has failed."
)
@click.option("-i", "--ignore-failure", is_flag=True, help="Take any exit status for success.")
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    help="Limit, such as 'p95 <= 200ms' or 'NAME p50 <= 1s'; may be repeated.",
)
@click.option(
    "--delta", default="5%", show_default=True, help="How much slower than its baseline a command may be."
)
@click.option("--export-json", type=click.Path(), help="Write the times as hyperfine's JSON.")
@click.option("--export-csv", type=click.Path(), help="Write the metrics as CSV.")
@click.option("--export-markdown", type=click.Path(), help="Write the summary as Markdown.")
def bench(commands: Sequence[str], **flags: Any) -> int:
    """Time commands in turns, in a new random order each round, and judge them.

    With two or more, each is compared with the first by the test of `tailguard gate`: is it slower? One command is
    judged by --objective alone. The run is saved and reported as any other; `tailguard verify` recomputes it.

    Exits 0, 99 if a command is slower or over a limit, 75 if the runs cannot tell or nothing was asked, 65 if a
    command failed.
    """
    from tailguard.bench.asked import Asked
    from tailguard.bench.session import run_bench

    files = {name: flags.pop(f"export_{name}") for name in ("json", "csv", "markdown")}
    run, code = run_bench(load_config(), Asked(commands=commands, **flags).plan())
    for name, path in files.items():
        if path:
            _write(run, name, Path(path))
    return code


def _write(run: "Run", name: str, path: Path) -> None:
    from tailguard.record.files import write_file
    from tailguard.report.export_formats import exported
    from tailguard.report.text.markdown import markdown_of
    from tailguard.report.views.view import view_of

    if name == "markdown":
        text = markdown_of(view_of(run.record))
    else:
        (text,) = exported(run, {"json": "hyperfine", "csv": "csv"}[name]).values()
    write_file(path, text)
    say(f"{name}: {path}")
