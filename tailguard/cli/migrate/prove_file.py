"""`tailguard migrate prove FILE.sql`: what each statement of a SQL file locks, whom it stalls, and the safe way."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.output.streams import say
from tailguard.cli.migrate.ending import ending
from tailguard.config.merge import Config, load_config

if TYPE_CHECKING:
    from tailguard.ddl.prove import FileProof
    from tailguard.ddl.source import Filled
    from tailguard.migrations.text.script import Block
    from tailguard.record.ddl import DdlProof
    from tailguard.record.run import Run

ROWS = 100_000  # enough for a prediction that says something; each trial has a copy of its own


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says of the proof of a file; None for what it leaves out."""

    file: Path
    rows: int | None
    at_rows: int | None
    dsn: str | None
    schema: str | None
    dump: Path | None
    rate: float | None
    control: bool
    single_transaction: bool
    write_safe: Path | None
    runs_dir: str | None
    max_wait: str | None
    load: Path | None = None


def prove_file(asked: Asked) -> int:
    """Prove a file, save and report the run. Returns its exit code."""
    import psycopg

    from tailguard.compare.verdicts import verdicts_of
    from tailguard.ddl.source import Source, filled_world
    from tailguard.migrations.checks import in_full
    from tailguard.migrations.text.settings import on_a_copy, read_script
    from tailguard.pipeline.environment import describe_environment
    from tailguard.pipeline.finish import finish
    from tailguard.record.run import Run
    from tailguard.report.text.ddl_lines import ddl_lines

    if asked.dump is not None and asked.dsn is not None:
        raise UsageError("--dump is for the embedded server, --dsn names your own: give one of them.")
    script = read_script(asked.file, single_transaction=asked.single_transaction)
    if not script.blocks:
        raise UsageError(f"{asked.file} has no statement to prove.")
    if script.path and asked.schema:
        raise UsageError(f"{asked.file} sets its search path itself: leave --schema {asked.schema} out.")
    blocks = [on_a_copy(block) for block in script.blocks]
    config = load_config(flags={"runs_dir": asked.runs_dir} if asked.runs_dir else {})
    seeds = [] if asked.dsn or asked.dump else sorted(asked.file.parent.glob("seed/*.sql"))
    path = script.path or ((asked.schema,) if asked.schema else ())
    source = Source(asked.rows or ROWS, asked.dsn, path, asked.dump, seeds)
    with filled_world(source, config, blocks) as filled:
        run = Run.start(
            config, command=["tailguard", *sys.argv[1:]], environment=describe_environment(config.folder)
        )
        proof = _started(asked, config, filled, blocks, script.roles)
        with ending(run):
            try:
                proof.prove(lambda: _save(run, proof))
            except TailguardError as error:
                proof.break_off(str(error))
            except psycopg.Error as error:
                proof.break_off(f"PostgreSQL: {in_full(error)}")
            _save(run, proof)
    run.put_verdicts(verdicts_of(run))
    say(*ddl_lines(run.record, proof.proof), "")
    if asked.write_safe is not None:
        _write_safe(asked.write_safe, asked.file, proof.proof, script.path)
    return finish(run, config.suite)


def _started(
    asked: Asked, config: Config, filled: "Filled", blocks: Sequence["Block"], roles: Sequence[str]
) -> "FileProof":
    from tailguard.ddl.options import DdlOptions
    from tailguard.ddl.prove import FileProof
    from tailguard.ddl.source import scaled
    from tailguard.judge.objectives.configured import configured_wait_limits
    from tailguard.judge.proof.wait_limits import overlaid
    from tailguard.proofs.load.own import read_load
    from tailguard.record.ddl import DdlProof

    wait = overlaid(configured_wait_limits(config), asked.max_wait, None)
    options = DdlOptions(rate_per_s=asked.rate or DdlOptions().rate_per_s, control=asked.control, wait=wait)
    proof = DdlProof(
        file=asked.file.name,
        postgres=filled.world.server.version,
        tables=filled.tables if asked.at_rows is None else scaled(filled.tables, asked.at_rows),
        rate_per_s=options.rate_per_s,
        front_s=options.front_s,
        lock_timeout_ms=options.lock_timeout_ms,
        limits=wait,
        left_out=(*filled.left_out, *(f"{role}: the copy has no roles" for role in roles)),
    )
    own = read_load(asked.load) if asked.load is not None else []
    return FileProof(filled.world, blocks, proof, options, own_load=own)


def _save(run: "Run", proof: "FileProof") -> None:
    run.put_ddl(proof.proof)
    run.write_live(proof.trials.samples)
    run.save()


def _write_safe(folder: Path, file: Path, proof: "DdlProof", schemas: Sequence[str]) -> None:
    """Write each step that has a safe way as a file of its own, beside none that is there already."""
    from tailguard.postgres.session import quoted
    from tailguard.report.views.proof.ddl_view import safe_sql

    head = f"SET search_path TO {', '.join(map(quoted, schemas))};\n" if schemas else ""
    folder.mkdir(parents=True, exist_ok=True)
    for step in proof.steps:
        if step.safe is not None and step.safe.statements:
            path = folder / f"{file.stem}.step_{step.number}.safe.sql"
            if path.exists():
                raise UsageError(f"{path} is there already: remove it, or give --write-safe another folder.")
            path.write_text(f"{head}{safe_sql(step.safe, proof.lock_timeout_ms)}\n", encoding="utf-8")
            say(f"Wrote {path}")
