"""`tailguard verify`: recompute a run's numbers from its files and compare them with what it says."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tailguard.base.output.streams import say
from tailguard.base.state import State
from tailguard.config.merge import load_config
from tailguard.record.part import Json

if TYPE_CHECKING:
    from tailguard.compare.verification.difference import Difference
    from tailguard.record.run import Run

SHOWN = 20  # differences printed; one changed sample can move a hundred numbers


@click.command()
@click.argument("where", metavar="[RUN]", default="latest")
@click.option(
    "--runs-dir",
    type=click.Path(),
    help="Where names, ids and `latest` are looked for (default: the configured runs_dir).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(where: str, runs_dir: str | None, *, as_json: bool) -> int:
    """Recompute every hash, count, quantile and verdict of RUN (a folder, run.json, an id or `latest`).

    Recomputed too: doubts about the samples, recoveries from faults, the plans and clients of a migration's proof,
    every comparison of a duet, whether all its blocks are there, the exit code. report.html and run.md must be those
    of this record, and the run before it in its folder must be as it was when this one began. Exit code 65 if anything
    differs, each difference named.

    A run that was pruned, or that was still running when this one began, is a gap in the chain of runs: reported, but
    not an error.

    What run.json alone says has nothing to be recomputed from: the machine, the clocks, the invariants, what workers
    told, the build times and sizes of a proof. The record's own hash covers it, which finds an accident or an edit.
    Forged samples cannot be found if everything else, hashes and later runs included, was recomputed from them: keep
    the folder itself safe.
    """
    from tailguard.compare import verification
    from tailguard.record.run import Run

    run = Run.load(where, runs_dir or load_config().runs_dir)
    found = verification.verify(run)
    gaps = verification.gaps(run)
    say(*(verification.as_json(run, found, gaps).split("\n") if as_json else _as_text(run, found, gaps)))
    return State.INVALID.exit_code if found else 0


def _as_text(run: "Run", found: Sequence["Difference"], gaps: Sequence[str]) -> list[str]:
    record = run.record
    told = [f"  gap: {gap}" for gap in gaps]
    if not found:
        files, parts, verdicts = len(record.files), len(record.scenarios), len(record.verdicts)
        same = f"{run.folder}: {files} files, {parts} scenarios and {verdicts} verdicts, all the same bit for bit."
        return [same, *told]
    lines = [
        f"  {each.where}: recorded {_short(each.recorded)}, recomputed {_short(each.recomputed)}"
        for each in found
    ]
    more = [f"  ... and {len(lines) - SHOWN} more (--json lists them)"] if len(lines) > SHOWN else []
    return [f"{run.folder}: {len(lines)} differences.", *lines[:SHOWN], *more, *told]


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."  # noqa: PLR2004  # a line of a terminal
