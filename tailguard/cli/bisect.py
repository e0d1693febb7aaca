"""`tailguard bisect`: which commit made it slower?"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tailguard.cli.number_range import NumberRange
from tailguard.cli.suite_options import config_option, set_option
from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|MODULE]...")
@click.option("--good", required=True, metavar="REF", help="A commit that was fast.")
@click.option("--bad", default="HEAD", show_default=True, metavar="REF", help="A later one that is slow.")
@click.option(
    "--metric",
    required=True,
    metavar="'SCENARIO [STEP] pNN'",
    help="What got slower, such as 'registration p95'.",
)
@click.option(
    "--pairs", type=click.IntRange(1, 10_000), default=150, show_default=True, help="Pairs of blocks at most."
)
@click.option(
    "--minutes", type=NumberRange(0.1, 10_080), default=60.0, show_default=True, help="Budget of time."
)
@click.option("--profile", default="duet", show_default=True, help="Size of a block.")
@config_option
@set_option
def bisect(paths: Sequence[str], good: str, bad: str, metric: str, **flags: Any) -> int:
    """Measure commits against a good one until one of them is, at 98 %, the first that is slower.

    Each pair is one of a duet, good against the commit that tells most; a pair may be wrong without harm. A commit that
    does not start is skipped. Run the same command again to resume.

    Exits 0 if it is sure, also that none is slower, and 75 if the budget could not tell.
    """
    from tailguard.duet.bisecting import BisectExecution, parse_metric, tell
    from tailguard.duet.sources import commits_after
    from tailguard.pipeline.opened_suite import open_suite
    from tailguard.record.duet import Budget

    file = flags["file"]
    suite = asked_suite(paths, file) if paths else None
    scenario = metric.partition(" ")[0]
    given = {"scenarios": [scenario]}
    config = load_config(flags["profile"], file=file, sets=flags["sets"], flags=given, suite=suite)
    config, opened = open_suite(config)
    asked = parse_metric(metric, opened.steps)
    commits = commits_after(good, bad, Path.cwd())
    key = f"{good}\n{commits[-1].sha}\n{metric}\n{config.sha256}"
    named = hashlib.sha256(key.encode()).hexdigest()[:10]
    folder = Path(config.runs_dir) / f"bisect-{named}"
    folder.mkdir(parents=True, exist_ok=True)
    budget = Budget(pairs=flags["pairs"], minutes=flags["minutes"])
    execution = BisectExecution(config, good, commits, asked, budget, folder)
    return tell(execution, execution.perform())
