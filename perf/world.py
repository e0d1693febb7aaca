"""The world a run happens in: real PostgreSQL, real S3, seeded rows, the platform. All of it gone at the end."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice

from perf.in_process import InProcessPlatform
from perf.platform import Platform, load_platform
from reference.certificates import (
    KINDS,
    CertificateStorage,
    Flags,
    LocalStorage,
    MigratingStorage,
    S3Storage,
)
from reference.database import create_tables
from reference.drawing import Award, draw
from reference.faults import Faults
from reference.platform import DeltaCrown
from reference.seed import NAMES, Seeded, SeedSize, seed_platform
from tailguard.base.errors import UsageError
from tailguard.base.processes import Watchdog
from tailguard.config.merge import Config
from tailguard.faults.s3_switches import S3Switches, open_switched_s3
from tailguard.pipeline.world import World
from tailguard.postgres.database import Database, open_database
from tailguard.record.environment import Placement
from tailguard.s3.server import open_s3
from tailguard.s3.store import S3Server

IN_PROCESS, HTTP = "in-process", "http"
# Different names and ornaments, rendered before the clock starts; each upload is made unique by its own last line.
CERTIFICATE_POOL = 16


def rendered_certificates() -> tuple[bytes, ...]:
    """Return certificates of about 64 KiB, each for another name."""
    return tuple(
        draw(Award(name, f"Cup {number}", KINDS[number % len(KINDS)], f"No. {number}", "2025-06-01"))
        for number, name in enumerate(islice(cycle(NAMES), CERTIFICATE_POOL))
    )


@contextmanager
def open_world(
    config: Config,
    needs: frozenset[str],
    run_id: str,
    *,
    placement: Placement,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[World]:
    """Start what the scenarios need, seed it, build the platform. Raises `UsageError` if a part is not to be had."""
    faults = read_faults()
    with ExitStack() as stack:
        say("starting PostgreSQL")
        database = stack.enter_context(
            open_database(
                config.get("database.dsn") or None,
                binaries=config.get("database.binaries") or None,
                schema=config.get("database.schema") or None,
                cpus=placement.server,
            )
        )
        # The database's server seeds while we load and sign for S3.
        with ThreadPoolExecutor(1, thread_name_prefix="seed") as seeder:
            seeding = seeder.submit(seed, config, database.conninfo)
            s3, switches = _storage(config, needs, placement.server, stack, say)
            say("seeding the platform")
            seeded = seeding.result()
        storage = _certificates(config, s3, stack)
        platform = _platform(config, database, storage, seeded, faults)
        stack.callback(platform.close)
        reader = stack.enter_context(database.connect())
        resources = stack.enter_context(ExitStack())
        world = World(
            run_id,
            config,
            database,
            s3,
            platform,
            seeded,
            tuple(faults.names()),
            placement,
            resources,
            reader,
            switches,
            storage,
        )
        world.note_deadlocks()
        yield world


def read_faults() -> Faults:
    """Return the faults that TAILGUARD_FAULTS switches on; raises `UsageError` for one that does not exist."""
    try:
        return Faults.from_environment()
    except ValueError as error:
        raise UsageError(f"TAILGUARD_FAULTS: {error}") from error


def seed(config: Config, conninfo: str) -> Seeded:
    """Make the platform's tables and fill them."""
    create_tables(conninfo)
    size = SeedSize(
        ledger_rows=config.get("migrations.economy_rows"),
        moderation_rows=config.get("migrations.moderation_rows"),
    )
    try:
        return seed_platform(conninfo, size=size, seed=config.get("seed"))
    except ValueError as error:
        raise UsageError(f"{error}: see migrations.economy_rows and migrations.moderation_rows") from error


def _storage(
    config: Config,
    needs: frozenset[str],
    cpus: Sequence[int] | None,
    stack: ExitStack,
    say: Callable[[str], None],
) -> tuple[S3Server | None, S3Switches | None]:
    if "s3" not in needs:
        return None, None
    say("starting S3")
    if any(fault.startswith("s3_") for fault in config.get("chaos.faults")):
        switches = stack.enter_context(open_switched_s3(config, cpus))
        return switches.server, switches
    server = stack.enter_context(
        open_s3(
            config.get("s3.endpoint") or None,
            config.get("s3.bucket") or None,
            config.get("s3.region") or None,
            cpus=cpus,
        )
    )
    return server, None


def _certificates(config: Config, s3: S3Server | None, stack: ExitStack) -> CertificateStorage | None:
    """Return where certificates go: S3 alone, or the dual write to a disk of our own with reads from S3 first."""
    if s3 is None:
        return None
    client = s3.client(max_pool_connections=32, retries={"total_max_attempts": 1})
    storage = S3Storage(client, s3.bucket, s3.prefix)
    if config.get("certificates.storage") == "s3":
        return storage
    folder = stack.enter_context(Watchdog()).folder("tailguard-certificates-")
    return MigratingStorage(LocalStorage(folder), storage, Flags(dual_write=True, read_primary=True))


def _platform(
    config: Config, database: Database, storage: CertificateStorage | None, seeded: Seeded, faults: Faults
) -> Platform:
    reference = DeltaCrown(database.conninfo, storage=storage, secret=secrets.token_hex(32), faults=faults)
    if config.get("platform") == IN_PROCESS:
        return InProcessPlatform(reference, spectator=seeded.users[-1])
    if config.get("platform") == HTTP:
        from perf.served import ServedPlatform  # noqa: PLC0415  # a web server: 0.2 s for whom it serves

        return ServedPlatform(
            reference, users=seeded.users, staff=seeded.users[0], spectator=seeded.users[-1]
        )
    return _own_platform(config.get("platform"), reference)


def check_platform(spec: str) -> None:
    """Raise UsageError for an adapter of yours that cannot be imported: before anything is started for it."""
    if spec not in (IN_PROCESS, HTTP):
        load_platform(spec)


def _own_platform(spec: str, reference: DeltaCrown) -> Platform:
    reference.close()
    platform = load_platform(spec)()
    if not isinstance(platform, Platform):
        lacking = [
            name for name in ("register", "submit_result", "transfer", "feed") if not hasattr(platform, name)
        ]
        raise UsageError(
            f"Platform {spec!r} lacks {', '.join(lacking) or 'some methods'}: see perf/platform.py."
        )
    return platform
