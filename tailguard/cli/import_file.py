"""`tailguard import`: a file of scenarios to begin with."""

from pathlib import Path

import click

from tailguard.base.output.streams import say


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="The file to write (default: FILE's name, .toml)."
)
def import_file(file: Path, output: Path | None) -> None:
    """Draft a TOML file of scenarios from FILE: an OpenAPI 3 document (JSON, or .yaml) or a HAR.

    OpenAPI gives one scenario per resource: it is made, read, changed, removed. A HAR gives one scenario of its
    requests in their order; secrets become variables of the environment, personal data becomes rows, and what an
    answer gave and a later request sends is saved. What is left out, replaced or guessed is named, here and in the
    file. Nothing is overwritten.
    """
    from tailguard.start.drafts.drafted import write_draft

    target = output or Path(file.with_suffix(".toml").name)
    draft = write_draft(file, target)
    say(*(f"- {note}" for note in draft.notes))
    steps = sum(map(len, draft.scenarios.values()))
    say(f"wrote {target}: {len(draft.scenarios)} scenarios, {steps} steps")
    if draft.variables:
        say("", *(f"First: export {name}=..." for name in draft.variables))
    say("", f"Read it, then measure and judge: tailguard run {target}")
