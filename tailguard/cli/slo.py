"""`tailguard slo`: what the objectives are, whether a run can decide them, and limits that would notice something."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.cli.number_range import NumberRange
from tailguard.cli.suite_options import config_option, set_option
from tailguard.config.merge import Config, load_config

if TYPE_CHECKING:
    from tailguard.judge.budget import SampleBudget
    from tailguard.record.objective import Objectives
    from tailguard.record.run import Run
    from tailguard.record.run_record import RunRecord


@click.group()
def slo() -> None:
    """Objectives: show them, ask whether a run can decide them, propose limits."""


@slo.command("lint")
@click.option("--profile", help="Profile whose numbers of samples are checked (default: smoke).")
@config_option
@click.option("--objectives", type=click.Path(), help="Objectives file (default: slo/objectives.toml).")
@set_option
@click.option("--strict", is_flag=True, help="Exit 64 if an objective cannot be decided.")
def slo_lint(
    profile: str | None, file: str | None, objectives: str | None, sets: Sequence[str], *, strict: bool
) -> int:
    """List objectives that the planned samples can never decide, and how many samples could."""
    from tailguard.judge.budget import lint

    flags = {"objectives": objectives, "strict": strict or None}
    config, chosen = known_objectives(load_config(profile, file=file, sets=sets, flags=flags))
    found = lint(chosen, budgets(config))
    for each in found:
        say(f"cannot decide {each}")
    say(
        f"{len(chosen.items) - len(found)} of {len(chosen.items)} objectives can be decided by {config.profile}."
    )
    if found and config.strict:
        raise UsageError(
            f"{len(found)} objectives cannot be decided; raise the samples as shown, or leave out --strict"
        )
    return 0


@slo.command("show")
@click.option("--profile", help="Profile whose rule is shown (default: smoke).")
@click.option("--objectives", type=click.Path(), help="Objectives file (default: slo/objectives.toml).")
def slo_show(profile: str | None, objectives: str | None) -> None:
    """List the objectives, the rule that judges each, and the samples a PASS needs at least."""
    from tailguard.judge.budget import needed_for

    chosen = known_objectives(load_config(profile, flags={"objectives": objectives}))[1]
    width = max(len(item.name) for item in chosen.items)
    for item in chosen.items:
        rule = chosen.rules[item.scenario]
        needed = needed_for(item, rule)
        say(f"{item.name:{width}}  {rule.dependence}, alpha {rule.alpha:g}, from {needed:,} samples")


@slo.command("suggest")
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--headroom",
    type=NumberRange(1.01, 1000),
    default=2.0,
    show_default=True,
    help="Factor between the worst measured bound and the proposed limit.",
)
def slo_suggest(runs: Sequence[str], headroom: float) -> None:
    """Propose p50, p95 and p99 limits from RUNS (folders, run.json, ids or `latest`), as TOML to paste."""
    from tailguard.judge.suggest import as_toml, suggest
    from tailguard.record.run import Run

    runs_dir = load_config().runs_dir
    records = [_complete(Run.load(run, runs_dir)) for run in runs]
    limits = as_toml(suggest(records, headroom))
    say(f"# From {len(records)} run(s), {headroom:g} times the worst upper bound (99 %) of each quantile.")
    say(*limits.removesuffix("\n").split("\n"))


def known_objectives(config: Config) -> "tuple[Config, Objectives]":
    """Return a configuration with what the scenarios state, and its objectives, checked against them."""
    from tailguard.judge.objectives.configured import configured_objectives
    from tailguard.pipeline.opened_suite import open_suite

    config, suite = open_suite(config)
    return config, configured_objectives(config, suite.steps, suite.limits)


def budgets(config: Config) -> "dict[str, SampleBudget]":
    """Return what a configuration means to spend on each of its scenarios."""
    from tailguard.judge.budget import SampleBudget

    loads = {name: config.load_of(name) for name in config.scenarios}
    return {
        name: SampleBudget(load.rate_per_s, load.max_samples, load.max_seconds)
        for name, load in loads.items()
    }


def _complete(run: "Run") -> "RunRecord":
    if not run.complete:
        raise UsageError(
            f"Run {run.record.id} is incomplete ({run.record.why_incomplete}): choose another,"
            " or make one with `tailguard run`."
        )
    return run.record
