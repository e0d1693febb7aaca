"""`tailguard migrate sql`: the migrations of Django and Alembic as SQL files, which all other commands take."""

import os
import sys
from pathlib import Path

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say

KINDS = "manage.py (Django) or alembic.ini"


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), required=True, help="Where to write the files."
)
@click.option("--revisions", metavar="A:B", help="Of Alembic (default: from the database's own to head).")
@click.option("--python", help="Your project's Python (default: the one that runs Tailguard).")
def sql(project: Path, folder: Path, revisions: str | None, python: str | None) -> None:
    """Write the migrations of PROJECT, a manage.py or an alembic.ini, that are not applied: one file each.

    Django and Alembic write the SQL themselves. Each file also records itself in their own ledger, so that they know
    what `tailguard migrate up` applied.
    """
    from tailguard.migrations.frameworks.alembic import alembic_files
    from tailguard.migrations.frameworks.django import django_files

    if not project.is_file():
        raise UsageError(f"{project} is not there: name your {KINDS}.")
    # A program named by its path is meant from here, though it runs in the project's folder.
    chosen = str(Path(python).absolute()) if python and os.sep in python else python or sys.executable
    if project.suffix == ".ini":
        found = alembic_files(project, chosen, revisions, os.environ)
    elif project.suffix == ".py":
        if revisions is not None:
            raise UsageError("--revisions is for Alembic: of Django, all that is not applied is written.")
        found = django_files(project, chosen, os.environ)
    else:
        raise UsageError(f"{project}: name your {KINDS}.")
    if not found:
        say(f"{project}: nothing is left to apply.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in found.items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise UsageError(f"{path} is there already and differs: remove it, or give another --to.")
        path.write_text(text, encoding="utf-8")
        say(f"Wrote {path}")
