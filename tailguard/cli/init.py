"""`tailguard init`: a suite to begin with."""

from pathlib import Path

import click

from tailguard.base.output.streams import say
from tailguard.start.example import EXAMPLES, write_example


@click.command()
@click.option("--example", type=click.Choice(EXAMPLES), help="Write this whole example instead.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(example: str | None, folder: Path) -> None:
    """Write a suite of one scenario into FOLDER (default: here), and say how to run it.

    Looks for a Django project, an app of FastAPI, Starlette or Flask, a locustfile, or an OpenAPI document; without any
    of these the scenario asks a service over HTTP. A job for GitHub's CI is written beside it. Nothing that is there
    already is overwritten.

    --example deltacrown is a whole suite of a tournament platform, the platform included: five scenarios, their limits,
    two index migrations.
    """
    where = "" if folder == Path() else f"cd {folder} && "
    if example:
        for path in write_example(example, folder):
            say(f"wrote {path}")
        say("", f"Measure and judge it, about a minute: {where}tailguard run")
        return
    from tailguard.start.suite import write_suite

    begun = write_suite(folder)
    say(f"Found {begun.found.what}; the scenario asks {begun.found.path}")
    for path in begun.written:
        say(f"wrote {path}")
    if begun.needs:
        say("", f"First: pip install {' '.join(begun.needs)}")
    say("", f"Measure and judge it: {where}{begun.command}")
