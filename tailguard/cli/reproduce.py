"""`tailguard reproduce`: a recorded run once more, or one of its iterations."""

import sys
from typing import TYPE_CHECKING

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.base.text_format import duration_ms
from tailguard.config.merge import load_config

if TYPE_CHECKING:
    from tailguard.reproduce.one_iteration import Played


@click.command()
@click.argument("where", metavar="[RUN]", default="latest")
@click.option(
    "--runs-dir",
    type=click.Path(),
    help="Where names, ids and `latest` are looked for (default: the configured runs_dir).",
)
@click.option("--here", is_flag=True, help="Play the code of this folder as it is, not the recorded commit.")
@click.option(
    "--iteration",
    type=click.IntRange(0, 2**53),
    metavar="N",
    help="Play this one alone, and show its statements.",
)
@click.option("--scenario", default="", help="The scenario of --iteration, if the run has several.")
def reproduce(where: str, runs_dir: str | None, iteration: int | None, scenario: str, *, here: bool) -> int:
    """Play RUN (a folder, run.json, an id or `latest`) again from its record alone, and compare the two.

    The code is the recorded commit, unpacked beside the repository of this folder if its work tree is another. The
    configuration, the seed and the faults are those of then; the starts must be the same bit for bit. Another machine
    and other versions are named. What cannot be had again, such as a secret or another kind of run, is refused with 64.

    Exits as `tailguard gate` does: 0, 99 if a metric became slower, 75 if undecided (one run against one always is),
    65 if the two must not be compared.
    """
    from tailguard.record.run import Run

    run = Run.load(where, runs_dir or load_config().runs_dir)
    if iteration is not None:
        from tailguard.reproduce.one_iteration import play_one

        say(*_told(play_one(run, iteration, scenario, here=here), iteration))
        return 0
    if scenario:
        raise UsageError("--scenario is the one of --iteration: give that too, or neither.")
    from tailguard.cli.gate import line_of
    from tailguard.reproduce.again import changed_verdicts, reproduce

    found = reproduce(run, ["tailguard", *sys.argv[1:]], here=here)
    say("", f"{run.folder.name} (baseline) against {found.run.folder.name} (candidate)")
    say(*(f"INVALID  {reason}" for reason in found.reasons), *map(line_of, found.changes))
    say(*changed_verdicts(run.record, found.run.record) or ["Each verdict is as it was."])
    return found.state.exit_code


def _told(played: "Played", number: int) -> list[str]:
    from tailguard.record.scenario import ServerTime

    lines = [f"{played.scenario}, iteration {number}:"]
    for step, outcome, took_ms, error in played.steps():
        said = f": {error} {played.measurement.said.get(error, '')}".rstrip() if error else ""
        lines.append(f"  {step}: {outcome} in {duration_ms(took_ms)}{said}")
    if not isinstance(played.database, ServerTime):
        return [*lines, f"  no statements are known: {played.database.why}"]
    statements = (
        f"  {each.calls} x {duration_ms(each.exec_ms / max(each.calls, 1))}: {' '.join(each.text.split())}"
        for each in played.database.statements
    )
    return [*lines, *statements]
