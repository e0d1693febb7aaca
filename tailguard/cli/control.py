"""`tailguard control`: another load for a run under way, or its end."""

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.config.merge import load_config


@click.command()
@click.argument("where", metavar="RUN")
@click.argument("order", metavar="rate=N/s|pause|resume|stop")
@click.option("--scenario", default="", help="Change the rate of this one alone.")
@click.option(
    "--runs-dir",
    type=click.Path(),
    help="Where names, ids and `latest` are looked for (default: the configured runs_dir).",
)
def control(where: str, order: str, scenario: str, runs_dir: str | None) -> int:
    """Give an order to RUN (a folder, an id or `latest`), which `tailguard run --control` started and which still runs.

    It is obeyed between two iterations, within a second or two, and written into the record with its time and the
    number of the iteration: reports show it, and `tailguard reproduce` repeats it. All else that is configured may not
    change while a run is under way. Exits with 64 if the run did not obey.
    """
    from tailguard.pipeline.control.listener import send
    from tailguard.pipeline.control.order import read_order
    from tailguard.record.run import Run

    wanted = read_order(order, scenario)
    run = Run.load(where, runs_dir or load_config().runs_dir)
    if run.record.overrides is None:
        raise UsageError(
            f"Run {run.record.id} takes no orders, as it ends when its limits are decided. Start it with --control."
        )
    answer = send(run.folder, wanted)
    say(answer.told, err=not answer.obeyed)
    return 0 if answer.obeyed else UsageError.exit_code
