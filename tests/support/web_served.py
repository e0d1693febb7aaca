"""The platform on a port, for the tests of its HTTP and WebSocket sides."""

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
import urllib3

from reference.certificates import S3Storage
from reference.database import POOL_SIZE, create_tables
from reference.platform import DeltaCrown
from reference.seed import Seeded, SeedSize, seed_platform
from reference.web.app import create_app
from reference.web.server import WebServer, bind

SECRET = "only-for-tests-" + "x" * 32
SIZE = SeedSize(
    users=200,
    open_tournaments=5,
    small_tournaments=5,
    live_tournaments=2,
    matches_per_tournament=40,
    awards=20,
    wallets=60,
    ledger_rows=1_500,
    moderation_rows=1_000,
)


@dataclass
class Served:
    """A served platform, its data and a client of it."""

    url: str
    address: str
    platform: DeltaCrown
    seeded: Seeded
    pool: urllib3.PoolManager
    observer: psycopg.Connection  # a connection of the test's own, outside the platform's pool

    def token(self, user_id, kind="access", **options):
        return self.platform.tokens.mint(user_id, kind, **options)

    def call(self, method, path, body=None, *, user=None, token=None, headers=None, raw=None):
        """(status, parsed body, headers). `user` mints a token; `raw` sends bytes as they are."""
        headers = dict(headers or {})
        if user is not None:
            token = self.token(user)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            raw = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        answer = self.pool.request(method, self.url + path, body=raw, headers=headers, redirect=False)
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(answer.data) if is_json else answer.data, answer.headers

    def post(self, path, body=None, **options):
        return self.call("POST", path, body, **options)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def query(self, sql, *values):
        return self.observer.execute(sql, values or None).fetchall()


def s3_storage(s3_server, prefix="web/"):
    return S3Storage(s3_server.client(), s3_server.bucket, s3_server.prefix + prefix)


@contextmanager
def serving(
    database, *, storage=None, faults=None, size=SIZE, pool_size=POOL_SIZE, before=None, **app_options
):
    """Seed the database, serve the platform on it (after `before(platform)`), end all of it."""
    create_tables(database.conninfo)
    seeded = seed_platform(database.conninfo, size=size)
    platform = DeltaCrown(
        database.conninfo, storage=storage, secret=SECRET, faults=faults, pool_size=pool_size
    )
    with ExitStack() as stack:
        stack.callback(platform.close)
        if before is not None:
            before(platform)
        server = stack.enter_context(WebServer(create_app(platform, **app_options), bind("127.0.0.1", 0)))
        pool = stack.enter_context(urllib3.PoolManager(maxsize=32, retries=False, timeout=10))
        observer = stack.enter_context(database.connect())
        yield Served(server.url, server.address, platform, seeded, pool, observer)
