"""`tailguard export`: a run in the formats of other tools."""

from collections.abc import Sequence
from pathlib import Path

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.config.merge import load_config
from tailguard.record.files import plain_name, subfolder, write_file
from tailguard.report.export_formats import FORMATS, exported


@click.command()
@click.argument("where", metavar="[RUN]", default="latest")
@click.option("--format", "names", type=click.Choice([*FORMATS, "all"]), multiple=True, required=True)
@click.option(
    "--out", help="Folder to write to, or - for the terminal (default: exports/ in the run's folder)."
)
@click.option(
    "--runs-dir",
    type=click.Path(),
    help="Where names, ids and `latest` are looked for (default: the configured runs_dir).",
)
def export(where: str, names: Sequence[str], out: str | None, runs_dir: str | None) -> None:
    """Write RUN (a folder, run.json, an id or `latest`) as other tools read it; prints each file's path."""
    from tailguard.record.run import Run

    run = Run.load(where, runs_dir or load_config().runs_dir)
    chosen = list(FORMATS) if "all" in names else list(names)
    files = {path: text for name in chosen for path, text in exported(run, name).items()}
    if out == "-":
        if len(files) != 1:
            raise UsageError(
                f"{len(files)} files do not fit on one terminal: {', '.join(files)}. Give --out FOLDER."
            )
        click.echo(next(iter(files.values())), nl=False)  # noqa: TID251  # a file, escaped for its own reader
        return
    folder = _folder(out, run.folder)
    for name, text in files.items():
        path = folder / plain_name(name)
        write_file(path, text)
        say(str(path))


def _folder(out: str | None, run_folder: Path) -> Path:
    """The folder that the user names, or one of the run's own: a link there may point anywhere."""
    try:
        if out is None:
            return subfolder(run_folder, "exports")
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        folder = out or run_folder / "exports"
        raise UsageError(
            f"Cannot write to {folder}: {error.strerror}. Choose another folder with --out."
        ) from error
    return Path(out)
