"""The matrix of kinds.toml: each example, as it is written and by its safe way, on a version of PostgreSQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tailguard.ddl.options import DdlOptions
from tailguard.ddl.prove import FileProof
from tailguard.ddl.source import SETTINGS
from tailguard.ddl.world import World
from tailguard.judge.proof.ddl import SAFE, ddl_verdicts, met_in
from tailguard.migrations.kinds import Kind
from tailguard.migrations.text.script import Block, blocks, split
from tailguard.migrations.text.sql import statements
from tailguard.postgres.server import Server, embedded_postgres
from tailguard.record.ddl import DdlProof, DdlStep, TableSize
from tailguard.record.migration import WaitLimits
from tailguard.record.verdict import ProofVerdict

WORLD = Path(__file__).with_name("world.sql")
ROWS = 20_000
# Of the tables that the locks of class (a) are predicted for.
SIZES = {
    name: TableSize(rows=rows, real_rows=10_000 * rows)
    for name, rows in (("orders", ROWS), ("events", ROWS), ("events_first", 5_000), ("customers", 1_000))
}


@dataclass(frozen=True)
class Played:
    """One cell. `caught` says whether it was FAIL as written, `accused` which runs of the safe way had somebody wait
    too long or fail, in words; `longest_ms` is the longest wait of each way, None for a way that was not tried.
    """

    kind: str
    version: str
    caught: bool
    why: str
    longest_ms: float | None
    safe_longest_ms: float | None
    safe_runs: int
    accused: tuple[str, ...]
    seconds: float

    @property
    def plain(self) -> dict[str, object]:
        return asdict(self)


@contextmanager
def seeded(binaries: Path | None) -> Iterator[World]:
    """A server with the tables of world.sql, filled."""
    with embedded_postgres(binaries, SETTINGS) as server:
        yield world_on(server)


def world_on(server: Server) -> World:
    world = World(server, ("public",))
    world.make_base()
    with world.database(world.base).connect() as connection:
        for statement in statements(WORLD.read_text(encoding="utf-8")):
            connection.execute(statement.encode(), {"rows": ROWS} if "%(rows)s" in statement else None)
        connection.execute("VACUUM ANALYZE")
    return world


def proved(world: World, kind: Kind, options: DdlOptions | None = None) -> FileProof:
    """The proof of a kind's example, after what it needs."""
    set_up(world, kind.setup)
    return proved_sql(world, kind.example, options)


def set_up(world: World, sql: str) -> None:
    """Execute statements on the tables that a proof begins with."""
    with world.database(world.base).connect() as connection:
        for statement in statements(sql):
            connection.execute(statement.encode())


def proved_sql(world: World, sql: str, options: DdlOptions | None = None) -> FileProof:
    return proved_blocks(world, blocks([*split(sql)]), options)


def proved_blocks(world: World, found: Sequence[Block], options: DdlOptions | None = None) -> FileProof:
    options = options or DdlOptions(growth_runs=0)
    proof = DdlProof(
        file="example.sql",
        postgres=world.server.version,
        tables=SIZES,
        rate_per_s=options.rate_per_s,
        front_s=options.front_s,
        lock_timeout_ms=options.lock_timeout_ms,
        limits=options.wait,
    )
    proved = FileProof(world, found, proof, options)
    proved.prove(lambda: None)
    return proved


def answers(found: FileProof) -> dict[str, ProofVerdict]:
    """The verdicts by step and name."""
    verdicts = ddl_verdicts(found.proof, found.trials.samples)
    return {f"{each.migration} {each.name}": each for each in verdicts}


def failed(found: FileProof) -> list[str]:
    """What is FAIL of the statements as they are written."""
    return [name for name, each in answers(found).items() if each.state == "FAIL" and SAFE not in name]


def accused(found: FileProof) -> list[str]:
    """The runs of safe ways in which somebody waited too long or failed, each once."""
    limits = found.proof.limits
    return [
        f"{trial.window}: {why}"
        for step in found.proof.steps
        for trial in (step.safe.trials if step.safe else ())
        if (why := _wrong(found, step, trial.window, limits))
    ]


def longest_ms(found: FileProof, *, safe: bool) -> float | None:
    """The longest wait of anybody."""
    longest = [
        impact.longest_ms
        for step in found.proof.steps
        for trial in ((step.safe.trials if step.safe else ()) if safe else step.trials)
        for impact in trial.impact.values()
        if impact.longest_ms is not None
    ]
    return max(longest, default=None)


def _wrong(found: FileProof, step: DdlStep, window: str, limits: WaitLimits) -> str:
    assert step.safe is not None
    (trial,) = [each for each in step.safe.trials if each.window == window]
    if trial.failed:
        return trial.failed
    for who in step.baseline:
        (met,) = met_in([trial], found.trials.samples, who)
        if met.errors:
            return f"{met.errors} of {len(met)} {who} failed"
        if len(met) and float(met.response_ms.max()) >= limits.max_wait_ms:
            return f"{who} waited {met.response_ms.max():.0f} ms"
    return ""
