"""`tailguard report`: render any finished run again."""

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.config.merge import load_config
from tailguard.record.files import write_file

if TYPE_CHECKING:
    from tailguard.record.run import Run


@click.command()
@click.argument("where", metavar="[RUN]", default="latest")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write this one file instead.")
@click.option(
    "--format", "kind", type=click.Choice(["html", "md"]), help="html or md (default: both; by --out's name)."
)
@click.option(
    "--runs-dir",
    type=click.Path(),
    help="Where names, ids and `latest` are looked for (default: the configured runs_dir).",
)
@click.option("--text", "as_text", is_flag=True, help="Print the run's summary again instead.")
@click.option("--open", "show", is_flag=True, help="Open what was written, in the browser if it is a page.")
def report(
    where: str,
    out: Path | None,
    kind: Literal["html", "md"] | None,
    runs_dir: str | None,
    *,
    as_text: bool,
    show: bool,
) -> None:
    """Write report.html and run.md of RUN (a folder, run.json, an id or `latest`) again and print the path."""
    from tailguard.record.run import Run
    from tailguard.report.own_template import template_of
    from tailguard.report.report import FILES, rendered, write_report
    from tailguard.report.sections import sections_of

    config = load_config()
    run = Run.load(where, runs_dir or config.runs_dir)
    if as_text:
        _print(run)
        return
    sections, template = sections_of(config.suite), template_of(config.suite)
    if out is None and kind is None:
        path = write_report(run, sections, template)
    else:
        chosen = kind or ("md" if out is not None and out.suffix == ".md" else "html")
        path = out or run.folder / FILES[chosen]
        write_file(path, rendered(run, chosen, sections, template))
    say(str(path))
    if show and not webbrowser.open(path.resolve().as_uri()):
        raise UsageError(f"No browser was found here (BROWSER names one): open {path.resolve().as_uri()}")


def _print(run: "Run") -> None:
    from tailguard.base.output.console import output_console
    from tailguard.report.text.terminal import print_summary
    from tailguard.report.views.view import view_of

    print_summary(view_of(run.record), output_console())
