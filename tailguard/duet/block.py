"""One side of one block of a duet: a fresh process that makes the suite's fixtures, warms up, measures and reports.

Run as `python -P -m tailguard.duet.block ORDER RESULT`, both JSON files (`tailguard.duet.order`). Tailguard and the
suite are the caller's on both sides; all else comes from the side's own folder. What is measured goes to RESULT with
the suffix .samples (`tailguard.record.samples.pack`).
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.output.streams import say
from tailguard.base.secrets import mask
from tailguard.config.merge import Config, load_config
from tailguard.config.suite_table import SuiteTable, suite_in
from tailguard.duet.measuring import Phases, check_origin, measure_in_turns, measured_scenario
from tailguard.duet.order import MeasuredScenario, Order, PhaseTimes, SideOrder, SideRecord
from tailguard.engine.placement import pinned
from tailguard.engine.workload import Measurement
from tailguard.http.started_server import started
from tailguard.migrations.migration import load_migrations
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.preparation import ALONE, Place, Prepared, prepared
from tailguard.pipeline.settling import doubts_of_shared
from tailguard.pipeline.target import platform_of, served_target
from tailguard.postgres.database import Database
from tailguard.postgres.explain import explain
from tailguard.record.doubt import SKIPPED_SCENARIO, Doubt
from tailguard.record.duet import ExplainedQuery
from tailguard.record.run_json import decode, encode
from tailguard.record.samples.pack import pack_samples
from tailguard.suite.discovery import Suite
from tailguard.suite.invariants import SkippedError
from tailguard.suite.resolver import BoundScenario
from tailguard.suite.run import Run, Target
from tailguard.trust.suite_doubts import EXHAUSTED, THROTTLED, doubts_of_notes, unchecked


def main(order_path: str, result_path: str) -> None:
    """Do as ordered; the result is written only if the block came to its end."""
    order = decode(Path(order_path).read_bytes(), Order)
    try:
        record = perform(order, Path(result_path).with_suffix(".samples"))
    except TailguardError as error:
        say(str(error), err=True)
        sys.exit(error.exit_code)
    part = Path(result_path).with_suffix(".part")
    part.write_bytes(encode(record))
    part.replace(result_path)


def perform(order: Order, samples_path: Path) -> SideRecord:
    """Measure one block; its samples go to `samples_path`."""
    phases = Phases(order.ordered_ns)
    side = order.side
    file = Path(side.config_file).resolve()
    table = suite_in(file if file.is_file() else None) or SuiteTable(file)
    table = replace(table, scenarios=side.scenarios)
    config = load_config(side.profile, flags=side.settings, environ={}, suite=table)
    config, suite = _suite_of(config, side)
    phases.end("start")
    with ExitStack() as stack:
        held = stack.enter_context(ExitStack())
        held.enter_context(pinned(side.placement))
        target = stack.enter_context(_target(config, side))
        ready = stack.enter_context(
            prepared(config, suite, order.run_id, side.placement, target, place_of(order), order.database)
        )
        _refuse_skipped(ready)
        if not target.url:  # else the server is the side's
            check_origin(side)
        phases.end("prepare")
        measured = measure_in_turns(ready.workloads, config, order, phases)
        held.close()  # the timing is over: the checks may use every core
        _refuse_spoilt(ready.run)
        pack_samples(samples_path, {name: each.samples for name, each in measured.items()})
        doubts = [*ready.doubts, *doubts_of_notes(ready.run.notes)]
        within_s = config.limits.check_s
        entries = {each.name: _entry(each, measured[each.name], doubts, within_s) for each in ready.scenarios}
        plans = _plans(order, config, ready.parts.database)
        phases.end("check")
    phases.end("close")
    return SideRecord(
        scenarios=entries,
        platform=side.server.label if side.server else side.folder,
        faults=platform_of(config, ready.run, target).faults,
        doubts=tuple(doubts),
        plans=plans,
        phases=PhaseTimes(**phases.seconds),
    )


def _suite_of(config: Config, side: SideOrder) -> tuple[Config, Suite]:
    """Import the suite. What a side lacks is the user's to mend; a side that breaks while it is imported is not."""
    try:
        return open_suite(config)
    except UsageError as error:
        told = str(error).replace(str(Path(side.config_file).parent), side.project)
        if not isinstance(error.__cause__, ImportError):
            raise TailguardError(told) from error
        raise UsageError(
            f"{told}. Both sides are measured with the suite of your work tree, and bring all else themselves:"
            " compare with a commit that has what the suite imports."
        ) from error


@contextmanager
def _target(config: Config, side: SideOrder) -> Iterator[Target]:
    """Say where the side runs, started if it is a command; nowhere if its code is called here."""
    server = side.server
    if server is None:
        with served_target(config, side.placement, Path(side.root)) as target:
            yield target
    elif server.url:
        yield Target(server.url, server.target_file)
    else:
        with started(server.command, server.health, side.placement, Path.cwd()) as url:
            yield Target(url, server.target_file)


def _refuse_skipped(ready: Prepared) -> None:
    """Raise UsageError for a scenario that cannot be played: a duet that was asked for it would say nothing of it."""
    skipped = [
        f"{each.scenario} is {each.measured}" for each in ready.doubts if each.kind == SKIPPED_SCENARIO
    ]
    if skipped:
        raise UsageError(f"{'; '.join(skipped)}. Choose others with --scenario.")


def place_of(order: Order) -> Place:
    """Return the block's place: at a server, which keeps what was done, after the iterations of all others."""
    server = order.side.server
    if server is None:
        return ALONE
    return Place(first=server.first_iteration, before=order.number - 1, blocks=server.blocks)


def _refuse_spoilt(run: Run) -> None:
    """Raise TailguardError if a fixture noted that the target was not measured but its limiter, or our own supply."""
    for name in (THROTTLED, EXHAUSTED):
        if why := run.notes.get(name):
            raise TailguardError(str(why))


def _entry(
    scenario: BoundScenario, measurement: Measurement, doubts: list[Doubt], within_s: float
) -> MeasuredScenario:
    """Check the invariants; that they are left out is one more doubt."""
    invariants, why = [], scenario.unchecked
    try:
        if not why:
            invariants = scenario.check(measurement.samples, within_s)
    except SkippedError as skipped:
        invariants, why = list(skipped.found), str(skipped)
    doubts += doubts_of_shared(scenario)
    if why:
        doubts.append(unchecked(scenario.name, why))
    return measured_scenario(scenario.title, measurement, invariants)


def _plans(order: Order, config: Config, database: Database | None) -> dict[str, ExplainedQuery]:
    """Last of all, as it builds the side's indexes."""
    folder = config.migrations.folder
    if not folder or not order.explain or database is None:
        return {}
    return explain_queries(database, Path(order.side.folder) / folder)


def explain_queries(database: Database, folder: Path) -> dict[str, ExplainedQuery]:
    """Return EXPLAIN's JSON of each query below `folder`, by the migration's slug, or the error of what fails.

    The rows are seeded alike on both sides, so that blocks and shape differ only if the code does.
    """
    if not folder.is_dir():
        return {}
    try:
        migrations = load_migrations(folder)
    except UsageError as error:
        return {"migrations": ExplainedQuery(document=None, error=str(error))}
    found: dict[str, ExplainedQuery] = {}
    with database.connect() as connection:
        for migration in migrations:
            try:
                connection.execute(migration.up.encode())
                connection.execute("ANALYZE")
                query = migration.query
                explain(connection, query.sql, query.parameters)  # the first fills caches and sets hint bits
                document = explain(connection, query.sql, query.parameters)
                found[migration.slug] = ExplainedQuery(document=document)
            except (psycopg.Error, UsageError) as error:
                found[migration.slug] = ExplainedQuery(document=None, error=mask(str(error).strip()))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
