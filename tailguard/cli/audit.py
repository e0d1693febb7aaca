"""`tailguard audit`: a run in one file that others can check, and the check."""

from pathlib import Path

import click

from tailguard.base.output.streams import say
from tailguard.config.merge import load_config


class _Audit(click.Group):
    """The word that is not a command is the run to export."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in own else ["export", *args])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self.commands["export"]


@click.group(cls=_Audit)
def audit() -> None:
    """Pack a run into one file with which anybody can check its verdicts, or check such a file.

    `tailguard audit RUN -o run.tar.zst` is short for `tailguard audit export RUN -o run.tar.zst`.
    """


@audit.command()
@click.argument("where", metavar="[RUN]", default="latest")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="The file, such as run.tar.zst."
)
@click.option(
    "--runs-dir",
    type=click.Path(),
    help="Where names, ids and `latest` are looked for (default: the configured runs_dir).",
)
def export(where: str, out: Path, runs_dir: str | None) -> None:
    """Write RUN (a folder, run.json, an id or `latest`) with its samples, plans and reports into one file.

    Its statement.json is an in-toto Statement v1 with a test result, over the SHA-256 of each file and the commit;
    verify.json is what `tailguard verify` says. The same run gives the same bytes. A run that does not verify is
    refused with 65.
    """
    from tailguard.compare.audit import audit as files
    from tailguard.record.run import Run

    files.export(Run.load(where, runs_dir or load_config().runs_dir), out)
    say(f"{out}: check it anywhere with `tailguard audit check {out}`.")


@audit.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check FILE without a network: each hash, and all that `tailguard verify` recomputes.

    Exits 0 if all follows from the files, whatever the verdict is, and 65 if not, with the place. A file that is
    missing, added, a link or outside of the run's folder is refused, as are more than 4 GiB.
    """
    from tailguard.compare.audit import audit as files

    found = files.check(file)
    record, git = found.record, found.record.environment.git
    changed = " with changes that were not committed" if git.dirty else ""
    commit = f"commit {git.commit}{changed}" if git.commit else "no commit"
    say(
        f"{file}: run {record.id} of {record.created_utc}, {commit}: {record.state}.",
        f"{found.files} files, {len(record.scenarios)} scenarios and {len(record.verdicts)} verdicts,"
        " all the same bit for bit.",
        *(f"  gap: {gap}" for gap in found.gaps),
    )
