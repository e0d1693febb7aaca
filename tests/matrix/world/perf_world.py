"""Two small journeys on all the servers that Tailguard starts, to be played while processes are killed and stopped."""

from collections.abc import Iterator

from world_parts import UPDATE, WELCOME, Phases, Room, begin, open_room

import tailguard as tg
from tailguard.postgres import Postgres, connect
from tailguard.s3 import S3Server
from tailguard.websocket import Feed, Subscribers

ROWS = 800
SLOW = """
CREATE FUNCTION slow(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
$$BEGIN PERFORM pg_catalog.pg_sleep(0.001); RETURN $1; END$$
"""
SEED = "INSERT INTO kept (word) SELECT repeat('seed', 50) FROM generate_series(1, %s) n WHERE slow(n) > 0"


@tg.fixture
def room() -> Iterator[Room]:
    """Where broadcasts come from."""
    with open_room() as room:
        yield room


@tg.fixture
def subscribers(room: Room) -> Iterator[Subscribers]:
    """Who listens."""
    feed = Feed(f"ws://127.0.0.1:{room.port}/", {}, WELCOME, UPDATE, "number")
    with Subscribers(feed, 5) as subscribers:
        yield subscribers


@tg.fixture(scope="run")
def bucket(s3: S3Server) -> S3Server:
    """It is there before the rows are."""
    return s3


@tg.fixture(scope="run")
def table(bucket: S3Server, postgres: Postgres) -> str:
    """Rows that take a while."""
    begin("seed")
    with connect(postgres.conninfo) as connection:
        connection.execute("CREATE TABLE kept (id bigserial PRIMARY KEY, word text)")
        connection.execute(SLOW)
        connection.execute(
            "INSERT INTO kept (word) SELECT repeat('seed', 50) FROM generate_series(1, %s) n WHERE slow(n) > 0",
            [3 * ROWS],
        )
        connection.execute("DELETE FROM kept WHERE id > %s", [ROWS])
    return postgres.conninfo


@tg.fixture
def phases() -> Phases:
    """Which phase it is."""
    return Phases()


@tg.fixture(scope="user")
def database(table: str) -> Iterator[object]:
    """A user's own connection."""
    with connect(table) as connection:
        yield connection


@tg.fixture(scope="user")
def objects(bucket: S3Server) -> Iterator[object]:
    """A user's own client."""
    client = bucket.client(retries={"total_max_attempts": 1}, read_timeout=5)
    yield client
    client.close()


@tg.scenario(rate="20/s", slo=["tell p95 <= 30s"])
def tell(it: tg.Iteration, room: Room, subscribers: Subscribers, phases: Phases) -> None:
    """Broadcast."""
    phases.tick(it.number)

    def wait() -> None:
        ticket = subscribers.expect(it.number)
        room.tell(it.number)
        ticket.wait(3.0)

    it.step("tell", wait)


@tell.invariants
def told(subscribers: Subscribers) -> Iterator[tg.Invariant]:
    """Nobody was told twice."""
    yield tg.expect("no broadcast came twice", 0, subscribers.totals().duplicates)


@tg.scenario(rate="20/s", slo=["insert p95 <= 30s"])
def store(it: tg.Iteration, database, objects, bucket: S3Server, phases: Phases) -> None:
    """A row, then an object."""
    phases.tick(it.number)
    it.step("insert", database.execute, "INSERT INTO kept (word) VALUES (%s)", [str(it.number)])
    it.step("put", lambda: objects.put_object(Bucket=bucket.bucket, Key=f"{it.number}", Body=b"x" * 1000))


@store.invariants
def stored(postgres: Postgres, objects, bucket: S3Server) -> Iterator[tg.Invariant]:
    """There are rows and objects."""
    begin("check")
    with postgres.reader() as reader:
        slowly = "SELECT count(*) > %s FROM kept, pg_catalog.pg_sleep(2)"
        yield tg.expect("more rows than were seeded", True, reader.value(slowly, ROWS))
    listed = objects.list_objects_v2(Bucket=bucket.bucket, Prefix=bucket.prefix)
    yield tg.expect("objects were stored", True, listed["KeyCount"] > 0)
