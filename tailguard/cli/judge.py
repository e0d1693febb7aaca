"""`tailguard judge`: latencies that any tool wrote, against objectives."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tailguard.base.output.streams import say
from tailguard.base.state import worst
from tailguard.base.text_format import duration_ms, per_cent, ratio
from tailguard.cli.file_options import file_options
from tailguard.cli.number_range import NumberRange
from tailguard.judge.objective import parse_objective
from tailguard.record.objective import Dependence
from tailguard.record.part import Json

if TYPE_CHECKING:
    from tailguard.formats.checked import Counted, Latencies
    from tailguard.formats.content import Unit
    from tailguard.formats.judged import FileVerdict


@click.command()
@click.argument("file", type=click.Path())
@click.option(
    "--objective",
    "texts",
    multiple=True,
    required=True,
    help="Such as 'p95<=215ms', 'GET /cart p99 < 1s' or 'error rate < 1%'; may be given again.",
)
@click.option(
    "--dependence",
    type=click.Choice(["bursty", "independent"]),
    default="bursty",
    show_default=True,
    help="Whether slow samples may come in bursts (stalls, queues) or the samples are independent.",
)
@file_options
@click.option(
    "--confidence",
    type=NumberRange(0.501, 0.999_999),
    default=0.99,
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def judge(
    file: str,
    texts: Sequence[str],
    dependence: Dependence,
    column: str | None,
    unit: "Unit | None",
    name: str,
    confidence: float,
    *,
    skip_bad_rows: bool,
    as_json: bool,
) -> int:
    """Judge the latencies in FILE, which another tool wrote: JMeter, k6, Locust, vegeta, hey, oha, Gatling, ab, warp,
    wrk2, HdrHistogram, pytest-benchmark, hyperfine, Parquet, numpy, any CSV or JSON, also packed by gzip.

    The format is recognised by FILE's content. Failed requests are judged by 'error rate < 1%' and are not in the
    latencies.

    Exits 0 if all objectives PASS, 99 if one FAILs, 75 if one is INCONCLUSIVE, 65 if one is INVALID (every request
    failed, or 5 % and more did and no objective says how many may), 64 if FILE or an objective cannot be read.
    """
    from tailguard.formats.content import Options
    from tailguard.formats.judged import Assumed, judge_file
    from tailguard.formats.read_latencies import naming, read_latencies

    objectives = [parse_objective(text) for text in texts]
    options = Options(column=column, unit=unit, skip_bad_rows=skip_bad_rows)
    found = read_latencies(file, options)
    if not as_json:
        for note in found.notes:
            say(f"note: {note}", err=True)
    with naming(file):
        verdicts = judge_file(found, objectives, Assumed(round(1 - confidence, 12), dependence), name)
    if as_json:
        entries = [_entry(each, found) for each in verdicts]
        say(
            *json.dumps(entries[0] if len(entries) == 1 else entries, ensure_ascii=False, indent=1).split(
                "\n"
            )
        )
    else:
        for each in verdicts:
            say(_sentence(each))
    return worst(each.decision.state for each in verdicts).exit_code


def _entry(each: "FileVerdict", found: "Latencies | Counted") -> Json:
    decision, observed = each.decision, each.observed
    interval: Json = None
    if observed is not None:
        interval = {
            "value": observed.value,
            "low": observed.low,
            "high": observed.high,
            "level": observed.level,
        }
    return {
        "verdict": str(decision.state),
        "objective": each.objective.name,
        "n": decision.n,
        "exceedances": decision.exceedances,
        "quantile" if each.objective.q is not None else "rate": interval,
        "tau": decision.tau,
        "why": decision.why,
        "rule": decision.rule,
        "dependence": decision.dependence,
        "alpha": decision.alpha,
        "samples": each.requests - (each.failures or 0),
        "failed": each.failures,
        "notes": list(found.notes),
    }


def _sentence(each: "FileVerdict") -> str:
    decision, observed = each.decision, each.observed
    shown = duration_ms if each.objective.q is not None else _share
    value = ""
    if observed is not None:
        value = f"{shown(observed.value)} [{shown(observed.low)}, {shown(observed.high)}] at {ratio(observed.level)}; "
    return f"{decision.state}  {each.objective.name}: {value}{decision.why} ({decision.rule}, {decision.dependence})"


def _share(value: float | None) -> str:
    return duration_ms(None) if value is None else f"{per_cent(value)} %"
