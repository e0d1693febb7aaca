"""`tailguard gate`: runs that exist already, baseline against candidate."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.base.state import State, worst
from tailguard.cli.file_options import file_options
from tailguard.config.merge import load_config
from tailguard.record.verdict import ChangeVerdict

if TYPE_CHECKING:
    from tailguard.compare.run_comparison import RunSample
    from tailguard.formats.content import Unit

BASELINE = "TAILGUARD_BASELINE"


@click.command()
@click.argument("sides", nargs=-1, metavar="[BASELINE] CANDIDATE")
@click.option(
    "--objectives",
    type=click.Path(),
    help="Objectives file with the [gate] margins (default: the shipped one).",
)
@click.option(
    "--runs-dir",
    type=click.Path(),
    help="Where `latest`, names, ids and dates are looked for (default: the configured runs_dir).",
)
@file_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gate(
    sides: Sequence[str],
    objectives: str | None,
    runs_dir: str | None,
    column: str | None,
    unit: "Unit | None",
    name: str,
    *,
    skip_bad_rows: bool,
    as_json: bool,
) -> int:
    """Compare runs on disk or latency files of any tool: is CANDIDATE slower than BASELINE?

    Each side is a run's folder, id, `latest`, a date, a folder of runs or a file of another tool, as `judge` reads
    them; several are separated by commas. Each name in a file is compared on its own, and so are its errors.
    BASELINE may be left out if TAILGUARD_BASELINE names it. From three runs per side the runs are the units of a
    Welch test; with fewer the answer is INCONCLUSIVE and says how many are needed.

    Exits 0, 99 if a metric became slower, 75 if undecided, 65 if the runs must not be compared.
    """
    from tailguard.compare.run_comparison import compare_runs, incomparable
    from tailguard.formats.content import Options
    from tailguard.formats.run_samples import FileOptions, find_run_samples
    from tailguard.judge.objectives.configured import configured_margins

    place = Path(runs_dir or load_config().runs_dir)
    named = _two(sides)
    files = FileOptions(Options(column=column, unit=unit, skip_bad_rows=skip_bad_rows), name)
    baseline, candidate = (
        find_run_samples(spec, side, place, files)
        for spec, side in zip(named, ("baseline", "candidate"), strict=True)
    )
    reasons = incomparable(baseline, candidate)
    margins = configured_margins(load_config(flags={"objectives": objectives}))
    found = [] if reasons else compare_runs(baseline, candidate, margins)
    state = State.INVALID if reasons else worst(each.state for each in found if each.gated)
    if as_json:
        say(*_as_json(found, reasons, state).split("\n"))
        return state.exit_code
    say(f"{_names(baseline)} (baseline) against {_names(candidate)} (candidate)")
    say(*(f"INVALID  {reason}" for reason in reasons), *map(line_of, found))
    return state.exit_code


def _two(sides: Sequence[str]) -> tuple[str, str]:
    named = os.environ.get(BASELINE, "")
    match list(sides):
        case [baseline, candidate]:
            return baseline, candidate
        case [candidate] if named:
            return named, candidate
        case [candidate]:
            raise UsageError(
                f"There is no baseline for {candidate!r}: give BASELINE CANDIDATE, or set {BASELINE}."
            )
        case _:
            raise UsageError(
                f"Give BASELINE and CANDIDATE, not {len(sides)} of them; a comma separates several runs."
            )


def _names(runs: Sequence["RunSample"]) -> str:
    return ", ".join(run.name for run in runs)


def line_of(each: ChangeVerdict) -> str:
    """Return what the gate says of one metric, in one line."""
    from tailguard.compare.comparison import ComparedMetric

    return f"{each.state:<13} {ComparedMetric(each.scenario, each.step, each.q).title}: {each.why}"


def _as_json(found: Sequence[ChangeVerdict], reasons: Sequence[str], state: State) -> str:
    from tailguard.compare.verification.difference import as_recorded

    report = {
        "exit_code": state.exit_code,
        "incomparable": list(reasons),
        "comparisons": [as_recorded(each) for each in found],
    }
    return json.dumps(report, ensure_ascii=False, indent=1)
