"""`tailguard calibrate`: how often the judge is wrong on this machine, on streams whose truth is known."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tailguard.base.output.streams import say
from tailguard.base.state import State
from tailguard.base.text_format import ratio
from tailguard.record.objective import Dependence
from tailguard.record.part import Json
from tailguard.record.scenario import ScenarioEnded

if TYPE_CHECKING:
    from tailguard.judge.calibration import Tally

# Shares of exceedances over the allowed one: clearly met, the very edge, clearly breached.
FACTORS = (0.4, 1.0, 2.0)
ALLOWED = 0.05
CLIENTS = 8
MOST_SECONDS = 300.0


@click.command()
@click.option(
    "--experiments",
    type=click.IntRange(2, 100_000),
    default=40,
    show_default=True,
    help="Verdicts for each truth.",
)
@click.option(
    "--samples",
    type=click.IntRange(100, 1_000_000),
    default=1200,
    show_default=True,
    help="Budget of one verdict.",
)
@click.option(
    "--dependence", type=click.Choice(["bursty", "independent"]), default="independent", show_default=True
)
@click.option("--seed", type=click.IntRange(0, 2**53), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibrate(experiments: int, samples: int, dependence: Dependence, seed: int, *, as_json: bool) -> None:
    """Measure a timer-driven platform whose true p95 is known, judge it again and again, count the wrong verdicts."""
    rows = [_try(factor, experiments, samples, dependence, seed) for factor in FACTORS]
    if as_json:
        say(*json.dumps([_entry(row) for row in rows], indent=1).split("\n"))
    else:
        _show(rows)


def _try(factor: float, experiments: int, samples: int, dependence: Dependence, seed: int) -> "Tally":
    import numpy as np

    from tailguard.engine.measure import measure
    from tailguard.engine.schedule import Closed
    from tailguard.engine.synthetic import LIMIT_MS, NAME, STEP, TimerPlatform
    from tailguard.engine.workload import Load, Workload
    from tailguard.judge.calibration import tally

    platform = TimerPlatform(factor * ALLOWED, seed)
    load = Load(Closed(CLIENTS, MOST_SECONDS), max_samples=experiments * samples, max_seconds=MOST_SECONDS)
    measurement = measure([Workload(platform.scenario(), load)])[NAME]
    if measurement.ended_because is ScenarioEnded.INTERRUPTED:  # half a budget says nothing of the judge
        raise KeyboardInterrupt
    measured = measurement.samples
    drawn = np.array([platform.is_slow(number) for number in range(len(measured))])
    return tally(
        measured.service_ms(STEP) > LIMIT_MS,
        drawn,
        factor=factor,
        experiments=experiments,
        q=1 - ALLOWED,
        dependence=dependence,
    )


def _show(rows: Sequence["Tally"]) -> None:
    from rich.table import Table

    from tailguard.base.output.console import output_console

    table = Table(title="A timer with a known p95, judged again and again on this machine")
    for name in (
        "true share",
        "measured",
        "PASS",
        "FAIL",
        "INCONCLUSIVE",
        "wrong",
        "wrong at most (95 %)",
        "samples",
    ):
        table.add_column(name, justify="right")
    for row in rows:
        states = [str(row.states[state]) for state in (State.PASS, State.FAIL, State.INCONCLUSIVE)]
        shares = [ratio(row.drawn), ratio(row.measured)]
        table.add_row(*shares, *states, str(row.wrong), ratio(row.wrong_at_most), f"{row.mean_n:.0f}")
    console = output_console()
    console.print(table)
    console.print(
        f"{sum(row.wrong for row in rows)} of {sum(row.experiments for row in rows)} verdicts were wrong; stated is at"
        f" most 1 % each side. Allowed share {ratio(ALLOWED)}. If measured exceeds the true share, this machine"
        " added slow samples of its own.",
    )


def _entry(row: "Tally") -> dict[str, Json]:
    return {
        "factor": row.factor,
        "experiments": row.experiments,
        "drawn": row.drawn,
        "measured": row.measured,
        "states": {str(state): row.states[state] for state in State},
        "wrong": row.wrong,
        "wrong_at_most": row.wrong_at_most,
        "mean_n": row.mean_n,
    }
