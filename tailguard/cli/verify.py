"""`tailguard verify`: recompute a run's numbers from its files and compare them with what it says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.judge.objectives import parse_objectives
from tailguard.judge.verdicts import judge_run
from tailguard.judge.verification import Difference, as_recorded, compare, verify_files, verify_summaries
from tailguard.record.run import Run

EXIT_DIFFERENT = 65
SHOWN = 20  # differences printed; one changed sample can move a hundred numbers


@click.command()
@click.argument("where", metavar="[RUN]", default="latest")
@click.option(
    "--runs-dir", type=click.Path(), help="Where `latest` is looked for (default: the configured runs_dir)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(where: str, runs_dir: str | None, *, as_json: bool) -> int:
    """Recompute every hash, count, quantile and verdict of RUN (a folder, run.json, an id or `latest`).

    Exit code 65 where anything differs, each difference named. What run.json says of the machine has nothing
    to be recomputed from; keep the file itself safe.
    """
    run = Run.load(where, runs_dir or load_config().get("runs_dir"))
    differences = [*verify_files(run), *verify_summaries(run)]
    # Samples that cannot be read cannot be judged: the difference above says so.
    differences += [] if any(d.recorded == "readable" for d in differences) else _verify_verdicts(run)
    click.echo(_as_json(run, differences) if as_json else _as_text(run, differences))
    return EXIT_DIFFERENT if differences else 0


def _verify_verdicts(run: Run) -> list[Difference]:
    recorded, objectives = run.record["verdicts"], run.record["objectives"]
    if not recorded and not objectives:
        return []
    try:
        verdicts = judge_run(run, parse_objectives(objectives, "objectives of the run"))
    except UsageError as error:
        return [Difference("objectives", "those that the verdicts came from", str(error))]
    recomputed = [as_recorded(verdict.as_dict()) for verdict in verdicts]
    return list(compare(_by_name(recorded), _by_name(recomputed), "verdicts"))


def _by_name(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(verdict.get("objective")): verdict for verdict in verdicts}


def _as_json(run: Run, differences: Sequence[Difference]) -> str:
    record = {
        "run": run.record["id"],
        "same": not differences,
        "differences": [asdict(d) for d in differences],
    }
    return json.dumps(record, ensure_ascii=False, indent=1)


def _as_text(run: Run, differences: Sequence[Difference]) -> str:
    record = run.record
    if not differences:
        files, parts, verdicts = (len(record[name]) for name in ("files", "scenarios", "verdicts"))
        return f"{run.folder}: {files} files, {parts} scenarios and {verdicts} verdicts, all the same bit for bit."
    lines = [
        f"  {d.where}: recorded {_short(d.recorded)}, recomputed {_short(d.recomputed)}" for d in differences
    ]
    more = [f"  ... and {len(lines) - SHOWN} more (--json lists them)"] if len(lines) > SHOWN else []
    return "\n".join([f"{run.folder}: {len(lines)} differences.", *lines[:SHOWN], *more])


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."  # noqa: PLR2004  # a line of a terminal
