"""`tailguard judge`: latencies that any tool wrote, against an objective."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tailguard.base.state import worst
from tailguard.base.text_format import duration_ms
from tailguard.judge.objective import UNITS_MS, parse_objective
from tailguard.record.objective import Dependence, Objective
from tailguard.record.part import Json, Quantile

if TYPE_CHECKING:
    from tailguard.formats.read_latencies import Latencies
    from tailguard.judge.decision import Decision


@click.command()
@click.argument("file", type=click.Path())
@click.option(
    "--objective", "texts", multiple=True, required=True, help="Such as 'p95<=215ms'; may be given again."
)
@click.option(
    "--dependence",
    type=click.Choice(["bursty", "independent"]),
    default="bursty",
    show_default=True,
    help="Whether slow samples may come in bursts (stalls, queues) or the samples are independent.",
)
@click.option("--column", help="Column, k6 metric, array, or scenario/step of our samples.parquet.")
@click.option(
    "--unit", type=click.Choice([*UNITS_MS]), help="Unit of the numbers, if the file does not say it."
)
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    default=0.99,
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def judge(
    file: str,
    texts: Sequence[str],
    dependence: Dependence,
    column: str | None,
    unit: str | None,
    confidence: float,
    *,
    as_json: bool,
) -> int:
    """Judge the latencies in FILE: parquet, CSV, JTL, k6 JSON or CSV, vegeta JSON, .npy, .npz, or plain numbers.

    Exits 0 if all objectives PASS, 99 if one FAILs, 75 if one is INCONCLUSIVE, 64 if FILE or an objective
    cannot be read.
    """
    from tailguard.engine.quantiles import estimate
    from tailguard.formats.read_latencies import read_latencies
    from tailguard.judge.decision import judge_finished
    from tailguard.judge.multiplicity import correct_fails

    objectives = [parse_objective(text) for text in texts]
    latencies = read_latencies(file, column=column, unit=unit)
    alpha = round(1 - confidence, 12)
    decisions = correct_fails(
        [judge_finished(latencies.values_ms, item, alpha, dependence) for item in objectives]
    )
    quantiles = [estimate(latencies.values_ms, item.q) for item in objectives if item.q is not None]
    entries = [_entry(*each, latencies) for each in zip(objectives, decisions, quantiles, strict=True)]
    if as_json:
        click.echo(json.dumps(entries[0] if len(entries) == 1 else entries, ensure_ascii=False, indent=1))
    else:
        for note in latencies.notes:
            click.echo(f"note: {note}", err=True)
        for each in zip(objectives, decisions, quantiles, strict=True):
            click.echo(_sentence(*each))
    return worst(each.state for each in decisions).exit_code


def _entry(objective: Objective, decision: "Decision", found: Quantile, latencies: "Latencies") -> Json:
    return {
        "verdict": str(decision.state),
        "objective": objective.name,
        "n": decision.n,
        "exceedances": decision.exceedances,
        "quantile": {"value": found.value, "low": found.low, "high": found.high, "level": found.level},
        "tau": decision.tau,
        "why": decision.why,
        "rule": decision.rule,
        "dependence": decision.dependence,
        "alpha": decision.alpha,
        "samples": len(latencies.values_ms),
        "notes": list(latencies.notes),
    }


def _sentence(objective: Objective, decision: "Decision", found: Quantile) -> str:
    interval = f"[{duration_ms(found.low)}, {duration_ms(found.high)}]"
    return (
        f"{decision.state}  {objective.name}: {duration_ms(found.value)} {interval} at {found.level:g}; {decision.why}"
        f" ({decision.rule}, {decision.dependence})"
    )
