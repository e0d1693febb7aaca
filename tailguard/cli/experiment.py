"""`tailguard experiment`: is a claimed gain true?"""

import sys
from pathlib import Path
from typing import Any

import click

from tailguard.cli.number_range import NumberRange
from tailguard.cli.suite_options import dsn_option, set_option
from tailguard.config.merge import Config, load_config


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--pairs", type=click.IntRange(10, 10_000), help="Pairs of blocks at most (default: the file's)."
)
@click.option("--minutes", type=NumberRange(0.1, 10_080), help="Budget of time (default: the file's).")
@click.option(
    "--config",
    "suite_file",
    type=click.Path(),
    help="Configuration file (default: ./tailguard.toml if there).",
)
@set_option
@dsn_option
def experiment(file: Path, **flags: Any) -> int:
    """Try a claim, such as 'page p95 -60%', in a duet of two settings, commits or servers.

    FILE says the claim, who made it, and what differs between [baseline] and [candidate]. With several loads, such as
    loads = ["50/s", "100/s"], each has a run, and it is said at which load the answer turns.

    Exits 0 if it is CONFIRMED: the gain is at least the claim. 99 if it is REFUTED: the gain is less, if there is one;
    or there are more errors. 75 if the budget could not tell. Of several loads the worst answer counts. Each answer is
    wrong at most 1 % of the time.
    """
    from tailguard.duet.session import run_duet
    from tailguard.experiment.file import read_experiment
    from tailguard.experiment.loads import try_loads
    from tailguard.pipeline.opened_suite import open_suite
    from tailguard.record.duet import Budget

    asked = read_experiment(file)
    sides = asked.sides()
    given = {"database.dsn": flags["dsn"], "scenarios": [asked.scenario], **asked.settings}
    at = {"file": flags["suite_file"], "sets": flags["sets"]}
    for spec in sides.values():  # an unknown key is told here, not by the first block
        load_config(asked.profile, flags={**given, **spec.settings}, **at)

    def config_at(rate_per_s: float) -> Config:
        return load_config(asked.profile, flags={**given, "load.rate_per_s": rate_per_s}, **at)

    config, suite = open_suite(load_config(asked.profile, flags=given, **at))
    claim = asked.parsed_claim(suite.steps)
    budget = Budget(
        pairs=flags["pairs"] or asked.pairs,
        minutes=flags["minutes"] or asked.minutes,
    )
    command = ["tailguard", *sys.argv[1:]]
    if rates := asked.rates:
        return try_loads(rates, config_at, sides, budget, command, claim)
    return run_duet(config, sides, budget, command, None, claim).record.deserved_exit_code
