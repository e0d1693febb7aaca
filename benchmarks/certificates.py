"""What our certificate storage and backfill cost over bare boto3, side by side on one server in one run.

Run it: python -m benchmarks.certificates [--count 10000]. Upload: bare `put_object`, our S3 storage and the dual write
take turns call by call. Backfill: the same bytes put by a bare thread pool of the same width and by the backfill take
turns round by round. Targets: upload at most 1.15x at p50; backfill at least 0.8x of the bare puts' rate; with
`--count`, memory that does not grow with the number of certificates.
"""

import argparse
import hashlib
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from perf.cutover.memory import resident_bytes
from reference.certificates import Flags, LocalStorage, MigratingStorage, S3Storage, connect_s3
from reference.certificates.backfill import Backfill, BackfillPlan, BackfillProgress
from reference.database import Database, create_tables
from reference.seed import SeedSize, seed_platform
from tailguard.postgres.database import open_database
from tailguard.s3.server import embedded_s3

BODY_BYTES, CONCURRENCY, UPLOADS, ROUNDS, PER_ROUND = 64 * 1024, 8, 400, 5, 300
TABLE = "tournament_engine_certificate_certificate"
SMALL = SeedSize(200, 5, 5, 2, 40, 20, 60, 1_500, 1_234, 1_000, 892)
SVG = "image/svg+xml"


def uploads(client: Any, bucket: str, folder: Path) -> dict[str, float]:
    """p50 in ms of each way to store one certificate, called in turns."""
    s3 = S3Storage(client, bucket, "ours/")
    dual = MigratingStorage(LocalStorage(folder), S3Storage(client, bucket, "dual/"), Flags(dual_write=True))
    ways: dict[str, Callable[[str, bytes], Any]] = {
        "bare put_object": lambda key, body: client.put_object(Bucket=bucket, Key=key, Body=body),
        "our S3 storage": lambda key, body: s3.save(key, body, SVG),
        "our dual write": lambda key, body: dual.save(key, body, SVG),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    chance = random.Random(1)
    for number in range(UPLOADS):
        body = chance.randbytes(BODY_BYTES)
        for name in chance.sample(list(ways), len(ways)):
            began = time.perf_counter()
            ways[name](f"{number}.svg", body)
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each[20:]) * 1e3 for name, each in times.items()}


def fill(conninfo: str, local: LocalStorage, count: int) -> list[str]:
    """Make certificates on the disk with their rows, none on S3; return their keys."""
    keys = []
    chance = random.Random(count)
    with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
        tournament = cursor.execute(
            "SELECT tournament_id FROM tournaments_registration WHERE id = 1"
        ).fetchone()
        assert tournament is not None
        for number in range(count):
            body, key = chance.randbytes(BODY_BYTES), f"certificates/{number % 50}/{uuid.uuid4()}.svg"
            local.save(key, body, durable=False)
            row = (tournament[0], 1, "winner", key, len(body), uuid.uuid4(), hashlib.sha256(body).hexdigest())
            cursor.execute(
                f"INSERT INTO {TABLE} (tournament_id, participant_id, certificate_type, file_image, file_bytes,"
                " verification_code, certificate_hash, revoked_at) VALUES (%s, %s, %s, %s, %s, %s, %s, now())",
                row,
            )
            keys.append(key)
    return keys


def bare_puts(client: Any, bucket: str, local: LocalStorage, keys: list[str]) -> float:
    """Puts a second of a bare thread pool that reads the files and puts them."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(
            pool.map(
                lambda key: client.put_object(Bucket=bucket, Key=f"bare/{key}", Body=local.open(key)), keys
            )
        )
    return len(keys) / (time.perf_counter() - began)


def backfill_rate(
    database: Database, local: LocalStorage, s3: S3Storage
) -> tuple[float, list[tuple[int, float]]]:
    """Certificates a second of one backfill, and the memory in MB after each batch."""
    memory: list[tuple[int, float]] = []

    def note(progress: BackfillProgress) -> None:
        memory.append((progress.done, resident_bytes() / 1e6))

    began = time.perf_counter()
    progress = Backfill(database, local, s3, BackfillPlan(concurrency=CONCURRENCY)).run(on_progress=note)
    assert progress.finished
    assert not progress.failed
    return progress.uploaded / (time.perf_counter() - began), memory


@contextmanager
def places() -> Iterator[tuple[str, Any, str, Path]]:
    """(conninfo, client, bucket, folder) on servers of our own."""
    with open_database(environ={}) as database, embedded_s3() as server, TemporaryDirectory() as folder:
        create_tables(database.conninfo)
        seed_platform(database.conninfo, size=SMALL)
        client = connect_s3(server.endpoint, server.access_key, server.secret_key, server.region)
        yield database.conninfo, client, server.bucket, Path(folder)
        client.close()


def main(count: int) -> None:
    """Print each figure with its target."""
    with places() as (conninfo, client, bucket, folder):
        p50 = uploads(client, bucket, folder / "dual")
        for name, each in p50.items():
            print(f"{name:18} p50 {each:6.2f} ms   {each / p50['bare put_object']:.3f} of bare (target 1.15)")
        database, local = Database(conninfo), LocalStorage(folder / "local")
        bare, ours = [], []
        for number in range(ROUNDS):
            keys = fill(conninfo, local, PER_ROUND + number)
            s3 = S3Storage(client, bucket, f"round-{number}/")
            turns = [
                lambda keys=keys: bare.append(bare_puts(client, bucket, local, keys)),
                lambda s3=s3: ours.append(backfill_rate(database, local, s3)[0]),
            ]
            for turn in turns if number % 2 else reversed(turns):
                turn()
        ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
        print(
            f"backfill {statistics.median(ours):.0f}/s, bare puts {statistics.median(bare):.0f}/s, "
            f"ratio {statistics.median(ratios):.2f} (target at least 0.80; rounds {[round(r, 2) for r in ratios]})"
        )
        if count:
            fill(conninfo, local, count)
            rate, memory = backfill_rate(database, local, S3Storage(client, bucket, "many/"))
            tenth = next(mb for done, mb in memory if done >= count // 10)
            print(
                f"{count} certificates at {rate:.0f}/s; memory {tenth:.1f} MB after a tenth, "
                f"{memory[-1][1]:.1f} MB at the end"
            )
        database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--count", type=int, default=0, help="also backfill so many in one go and watch the memory"
    )
    main(parser.parse_args().count)
