"""The index migrations' part of a run: each query before and after, and whom the build stalls under load."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.judge.objectives.configured import configured_wait_limits
from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import configured_folder, load_migrations
from tailguard.pipeline.parts import Parts
from tailguard.postgres.database import Database, schema_on
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.proofs.live_options import LiveOptions
from tailguard.proofs.proof import Proof
from tailguard.proofs.tables import table_maker
from tailguard.proofs.under_load import prove_under_load
from tailguard.record.run import Run

log = logging.getLogger(__name__)

FEWEST_ROWS = (
    5_000  # fewer could not be filled with what the queries ask for; to be judged, a build needs far more
)
# Shorter windows than those of `tailguard migrate prove`, and more clients, so that few builds meet enough of them.
IN_A_RUN = LiveOptions(
    rate_per_s=400.0,
    calibration_s=0.5,
    baseline_s=2.0,
    fewest_builds=2,
    cost_rows=50_000,
)


def check_live_rows(config: Config) -> None:
    """Raise UsageError for a number of rows that no build under load can be judged on, before anything is measured."""
    rows = config.migrations.live_rows
    if 0 < rows < FEWEST_ROWS:
        raise UsageError(
            f"migrations.live_rows = {rows}: give at least {FEWEST_ROWS:,}, or 0 for no proof under load."
        )


def prove_migrations(run: Run, parts: Parts, config: Config) -> None:
    """Prove each migration and keep the evidence in the run; nothing if it is switched off.

    On the run's own tables first; then, if `migrations.live_rows` says so, under load on larger ones beside them.
    """
    folder = configured_folder(config)
    if folder is None or not config.migrations.run:
        return
    if config.target.url:
        log.info("no migration is proven: Tailguard builds no indexes in a target's database")
        return
    proofs = prove_small(
        _database_of(parts, config),
        load_migrations(folder),
        repeats=config.migrations.repeats,
        plans_dir=run.folder / "plans",
        limits=_limits(config),
    )
    _save(run, proofs)
    if config.migrations.live_rows:
        _prove_under_load(run, proofs, parts.open_database(), config)


def _limits(config: Config) -> Limits:
    return Limits(deadline_s=config.limits.build_s)


def _database_of(parts: Parts, config: Config) -> Database:
    """Return the run's database; with tables of the suite's maker if no scenario has used it."""
    if parts.database is not None:
        return parts.database
    database = parts.open_database()
    table_maker(config)(database.conninfo)
    return database


def _prove_under_load(run: Run, proofs: Sequence[Proof], beside: Database, config: Config) -> None:
    """Prove those that could be measured, in a schema of their own: its clients write to the tables."""
    samples, rows = run.live_samples(), config.migrations.live_rows  # no samples yet
    options = replace(IN_A_RUN, limits=_limits(config), wait=configured_wait_limits(config))
    with schema_on(beside.conninfo) as database:
        log.info("seeding %s rows per table, for builds under load", f"{rows:,}")
        table_maker(config)(database.conninfo, rows=rows)
        for proof in proofs:
            if proof.evidence is not None:
                samples |= prove_under_load(proof, database, options)
                run.write_live(samples)
                _save(run, proofs)


def _save(run: Run, proofs: Sequence[Proof]) -> None:
    run.put_migrations([proof.entry for proof in proofs])
    run.save()
