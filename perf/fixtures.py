"""What DeltaCrown's scenarios run on: the platform as it is to be reached, its rows, its database."""

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import tailguard as tg
from perf.adapters.choice import HTTP, IN_PROCESS, check_adapter, lacking, of_your_own
from perf.adapters.opening import called_in_process, over_http, secret_of_target, your_own
from perf.experiments.servers import pgbouncer
from perf.mapping.opened import MappedTarget, open_target
from perf.mapping.pools import check_once
from perf.mapping.target import load_mapping
from perf.offer import Offer, World, rows_of
from perf.platform import NEEDED, ShowsDatabase
from perf.reference import Access, DatabaseAccess, Reference, make_tables
from perf.reference_process import served
from perf.store import Store
from reference.faults import Faults
from reference.seed import Seeded, SeedSize, seed_platform
from tailguard.http import Exchange
from tailguard.postgres import Postgres, Reader, connect


@dataclass(frozen=True, slots=True)
class Histories:
    """Rows of the two tables that the index migrations are for."""

    economy_rows: int
    moderation_rows: int


@tg.fixture(scope="run")
def adapter(config: tg.Config, target: tg.Target) -> str:
    """How the platform is reached; an adapter of your own has what the chosen scenarios need."""
    if config.platform == IN_PROCESS:
        return HTTP if target.url else IN_PROCESS
    if of_your_own(config.platform):
        check_adapter(config.platform, config.scenarios or NEEDED)
    return config.platform


@tg.fixture(scope="run")
def faults(target: tg.Target, run: tg.Run) -> str:
    """What TAILGUARD_FAULTS switches on in the platform, if it is ours."""
    if target.url:
        return ""
    try:
        names = Faults.from_environment().names()
    except ValueError as error:
        raise tg.UsageError(str(error)) from error
    run.note("faults", tuple(names))
    return ",".join(names)


@tg.fixture(scope="run")
def mapped(target: tg.Target) -> MappedTarget | None:
    """The target's own routes and users; None if it is ours, or speaks the reference platform's contract."""
    mapping = load_mapping(Path(target.file)) if target.url and target.file else None
    return None if mapping is None else open_target(mapping, target.url)


@tg.fixture(scope="run")
def seeded(postgres: Postgres, target: tg.Target, config: tg.Config, run: tg.Run) -> Seeded:
    """Where the seeded rows are. Who serves a platform elsewhere has seeded it, with the usual size."""
    if target.url:
        return Seeded.of(SeedSize())
    histories = config.read("migrations", Histories)
    size = SeedSize(ledger_rows=histories.economy_rows, moderation_rows=histories.moderation_rows)

    def fill(conninfo: str) -> None:
        make_tables(conninfo)
        try:
            seed_platform(conninfo, size=size, seed=run.seed)
        except ValueError as error:
            raise tg.UsageError(
                f"{error}: see migrations.economy_rows and migrations.moderation_rows"
            ) from error

    postgres.fill(fill)
    return Seeded.of(size)


@tg.fixture(scope="run")
def store() -> Store | None:
    """Where certificates go. Nowhere: a scenario of certificates brings its own, so that nobody else waits for S3."""
    return None


@tg.fixture(scope="run")
def reference(
    faults: str,
    target: tg.Target,
    mapped: MappedTarget | None,
    store: Store | None,
    postgres: Postgres,
    seeded: Seeded,
    config: tg.Config,
) -> Iterator[Reference]:
    """The reference platform's parts; of one that runs elsewhere, what speaks to it."""
    secret = secret_of_target() if target.url and mapped is None else secrets.token_hex(32)
    users = 0 if mapped else seeded.users[-1]  # your platform has its own users
    access = config.read("database_access", DatabaseAccess)
    pooled = access.connections == "pgbouncer" and not target.url
    with ExitStack() as stack:
        for _ in range(0 if target.url else access.others):
            stack.enter_context(connect(postgres.conninfo))
        conninfo = postgres.conninfo
        if pooled:
            conninfo = stack.enter_context(pgbouncer(conninfo, access.size))
        yield Reference(conninfo, secret, faults, store, users, access)


@tg.fixture(scope="run")
def url(adapter: str, target: tg.Target, reference: Reference, run: tg.Run) -> Iterator[str]:
    """Where the platform is reached over HTTP; we serve it if nobody does. "" if it is not."""
    ours = adapter == HTTP and not target.url
    with served(reference, run.placement.server) if ours else nullcontext(target.url) as address:
        yield address


@tg.fixture(scope="run")
def offer(adapter: str, seeded: Seeded, mapped: MappedTarget | None, run: tg.Run) -> Offer:
    """The rows that scenarios work on, and what the platform cannot be asked for."""
    if mapped:
        check_once(mapped.pools, run.planned_in_all)
    return mapped.offer() if mapped else Offer(rows_of(seeded), lacking(adapter), {})


@tg.fixture
def world(offer: Offer, postgres: Postgres) -> World:
    """What an adapter of your own may know."""
    return World(offer.rows, postgres.conninfo)


@tg.fixture
def platform(
    adapter: str,
    mapped: MappedTarget | None,
    url: str,
    reference: Reference | Access,
    target: tg.Target,
    connections: Exchange,
    run: tg.Run,
    world: World,
) -> Iterator[object]:
    """The platform as scenarios ask it; each says in its own types what it needs."""
    opened: AbstractContextManager[object]
    if isinstance(reference, Reference) and adapter == IN_PROCESS:
        opened = called_in_process(reference)
    elif mapped:
        opened = mapped.platform(connections, run.note)
    elif adapter == HTTP:
        opened = nullcontext(over_http(url, reference, connections, run.note, used=bool(target.url)))
    else:
        opened = your_own(adapter, world)
    with opened as platform:
        yield platform


@tg.fixture
def database(adapter: str, platform: object, postgres: Postgres, run: tg.Run) -> Iterator[Reader]:
    """A connection of the suite's own, for invariants; to the database that an adapter of your own shows."""
    if not postgres.conninfo:
        tg.skip("no DSN says where the target's database is")
    conninfo = postgres.conninfo
    if of_your_own(adapter):
        if not isinstance(platform, ShowsDatabase):
            why = f"{adapter} shows no database: give it a method database() (perf/platform.py)"
            run.note("nothing_checked", why)
            tg.skip(why)
        conninfo = platform.database()
    with closing(Reader(conninfo)) as reader:
        yield reader
