"""`tailguard init`: a suite to begin with."""

from pathlib import Path

import click

from tailguard.base.output.streams import say
from tailguard.start.example import EXAMPLES, write_example


@click.command()
@click.option("--example", type=click.Choice(EXAMPLES), required=True, help="The example to write.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(example: str, folder: Path) -> None:
    """Write an example suite into FOLDER (default: here), and say how to run it.

    deltacrown is a whole suite of a tournament platform, the platform included: five scenarios, their limits, two index
    migrations. Nothing that is there already is overwritten.
    """
    for path in write_example(example, folder):
        say(f"wrote {path}")
    where = "" if folder == Path() else f"cd {folder} && "
    say("", f"Measure and judge it, about a minute: {where}tailguard run")
