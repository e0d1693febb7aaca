"""`tailguard migrate prove`: a migration under live load: whom it stalls, what it gains, what it costs."""

import logging
import sys
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.cli.migrate.ending import ending
from tailguard.cli.number_range import NumberRange
from tailguard.cli.suite_options import runs_dir_option
from tailguard.config.merge import load_config
from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration, chosen_folder, find_migration, read_folder, what_if
from tailguard.proofs.live_options import LiveOptions

if TYPE_CHECKING:
    from tailguard.postgres.database import Database
    from tailguard.proofs.proof import Proof
    from tailguard.record.run import Run

log = logging.getLogger(__name__)

ROWS = 1_000_000


@click.command()
@click.argument("slug", required=False, metavar="[SLUG|FILE.sql]")
@click.option(
    "--rows",
    type=click.IntRange(1000, 1_000_000_000),
    help="Rows to prove it on (default: 1,000,000; of a FILE, whose tables are copied again and again, 100,000).",
)
@click.option(
    "--at-rows",
    type=click.IntRange(1, 1_000_000_000_000),
    help="Rows of the real table, for which a FILE's locks are predicted (default: those of your --dsn).",
)
@click.option(
    "--dsn", help="Your PostgreSQL: your table is copied there to a schema of its own (default: embedded)."
)
@click.option("--schema", help="Schema of your table (default: the connection's own).")
@click.option("--folder", type=click.Path(path_type=Path), help="Your migrations (default: the suite's).")
@click.option("--rate", type=NumberRange(1, 100_000),
              help="Most writes and reads per second; fewer if the machine cannot sustain them (default: 200; of a FILE"
              " 100).")  # fmt: skip
@click.option("--max-wait", metavar="DURATION",
              help="Longest time that a build may block a request (default: the objectives' [migrations]"
              " max_wait, else 500ms).")  # fmt: skip
@click.option("--max-p99-growth", metavar="DURATION",
              help="Largest growth of p99 during a build (default: the objectives' max_p99_growth, else what --max-wait"
              " says).")  # fmt: skip
@click.option(
    "--no-control", is_flag=True, help="Skip the plain CREATE INDEX, whose blocking must be detected."
)
@click.option(
    "--what-if", "what_if_sql", metavar="SQL", help="CREATE INDEX statement that is in no file yet."
)
@click.option("--query", metavar="SQL", help="The query that it is for, with %(name)s parameters.")
@click.option("--parameters", metavar="JSON", default="{}", help="Example values of the query's parameters.")
@click.option(
    "--dump",
    type=click.Path(path_type=Path),
    help="Your dump (any format of pg_dump), restored into the embedded server. Only one that you trust.",
)
@click.option(
    "--growth",
    is_flag=True,
    help="Show the gain at 90,000 and 900,000 rows too, and at 9,000,000 with TAILGUARD_PROFILE=full.",
)
@click.option(
    "--single-transaction", is_flag=True, help="Execute a FILE in one transaction, as `psql -1` does."
)
@click.option(
    "--write-safe", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Write the safe way of each unsafe step of a FILE to this folder.",
)  # fmt: skip
@click.option(
    "--load", type=click.Path(path_type=Path), metavar="LOAD.sql",
    help="Of a FILE: your own statements for the readers and writers, in place of derived ones.",
)  # fmt: skip
@runs_dir_option
def prove(  # one parameter per option
    slug: str | None, rows: int | None, dsn: str | None, schema: str | None, folder: Path | None, rate: float | None,
    *, at_rows: int | None, single_transaction: bool, write_safe: Path | None, no_control: bool,
    what_if_sql: str | None, query: str | None, parameters: str, dump: Path | None, growth: bool,
    load: Path | None, runs_dir: str | None, max_wait: str | None, max_p99_growth: str | None,
) -> int:  # fmt: skip
    """Build SLUG's index under load, beside a plain CREATE INDEX, which blocks writers, and show gain and cost.

    For a migration that drops an index, measure what each write saves, and check that no known query gets slower and
    that the drop blocks nothing, even during a long read.

    Of a FILE.sql, execute each statement on copies of its tables, behind a long transaction: what it locks, whom it
    stalls, and the safe way beside it.
    """
    if slug is not None and slug.endswith(".sql"):
        from tailguard.cli.migrate.prove_file import Asked, prove_file

        if what_if_sql or query or growth or folder or max_p99_growth:
            raise UsageError(
                "--what-if, --query, --growth, --folder and --max-p99-growth are for an index; leave them out for a"
                " FILE.sql."
            )
        return prove_file(
            Asked(
                file=Path(slug), rows=rows, at_rows=at_rows, dsn=dsn, schema=schema, dump=dump, rate=rate,
                control=not no_control, single_transaction=single_transaction, write_safe=write_safe,
                runs_dir=runs_dir, max_wait=max_wait, load=load,
            )
        )  # fmt: skip
    if at_rows or single_transaction or write_safe or load:
        raise UsageError(
            "--at-rows, --single-transaction, --write-safe and --load are for a FILE.sql: name one."
        )
    from tailguard.judge.objectives.configured import configured_wait_limits
    from tailguard.judge.proof.verdicts import proof_verdicts
    from tailguard.judge.proof.wait_limits import overlaid
    from tailguard.pipeline.environment import describe_environment
    from tailguard.pipeline.finish import finish
    from tailguard.proofs.growth import LARGEST, SIZES
    from tailguard.proofs.growth_sizes import growth_rows
    from tailguard.proofs.target import prove_target
    from tailguard.record.run import Run
    from tailguard.report.text.proof_lines import proof_lines

    migration = _migration(slug, folder, what_if_sql, query, parameters)
    if dump is not None and dsn is not None:
        raise UsageError("--dump is for the embedded server, --dsn names your own: give one of them.")
    config = load_config(flags={"runs_dir": runs_dir} if runs_dir else {})
    wait = overlaid(configured_wait_limits(config), max_wait, max_p99_growth)
    rows = rows or ROWS
    options = LiveOptions(
        rate_per_s=rate or LiveOptions().rate_per_s,
        control=not no_control,
        limits=Limits(deadline_s=600.0),
        wait=wait,
    )
    target = partial(prove_target, migration, dsn=dsn, schema=schema, folder=folder, dump=dump)
    with target(rows) as database:
        run = Run.start(
            config, command=["tailguard", *sys.argv[1:]], environment=describe_environment(config.folder)
        )
        with ending(run):
            known = [] if what_if_sql else [*read_folder(chosen_folder(folder)).migrations]
            proof = _proved(run, database, migration, known, options)
            if growth and proof.growth:
                sizes = [*SIZES, LARGEST] if config.profile == "full" else SIZES
                others = [size for size in sizes if size != rows]
                proof.growth += growth_rows(migration, others, target)
                proof.growth.sort(key=attrgetter("rows"))
                _save(run, proof)
            entry = proof.entry
            say(*proof_lines(entry, proof_verdicts(entry, run.live_samples())))
    return finish(run, config.suite)


def _proved(
    run: "Run", database: "Database", migration: Migration, known: list[Migration], options: LiveOptions
) -> "Proof":
    """Prove the migration, saving what is known after each part."""
    from tailguard.migrations.runner import Runner
    from tailguard.proofs.evidence.evidence import prove_small
    from tailguard.proofs.growth import growth_row
    from tailguard.proofs.under_load import prove_under_load

    plans = run.folder / "plans"
    (proof,) = prove_small(
        database, [migration], plans_dir=plans, known_migrations=known, limits=options.limits
    )
    _save(run, proof)
    if proof.evidence is None:
        return proof
    if not migration.removal:
        log.info("the query with a cold cache")
        runner = Runner(database, options.limits)
        proof.growth.append(growth_row(database, migration, proof.evidence, runner))
    run.write_live(prove_under_load(proof, database, options))
    _save(run, proof)
    return proof


def _save(run: "Run", proof: "Proof") -> None:
    run.put_migrations([proof.entry])
    run.save()


def _migration(
    slug: str | None, folder: Path | None, sql: str | None, query: str | None, parameters: str
) -> Migration:
    """Return the migration that is meant. Raises UsageError if none is, or both kinds are."""
    if (slug is None) == (sql is None):
        raise UsageError(
            "Name one migration, or give --what-if 'CREATE INDEX CONCURRENTLY ...' with --query '...'."
        )
    if sql is None:
        assert slug is not None  # one of the two is given
        found = find_migration(read_folder(chosen_folder(folder)), slug)
        _ = found.query  # without one there is nothing to prove
        return found
    if query is None:
        raise UsageError("--what-if needs --query: an index is worth what it does for a query.")
    return what_if(sql, query, parameters)
