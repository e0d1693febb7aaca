"""A program that leads whenever it can, and writes a file every hundredth of a second while it does.

Its arguments are a conninfo, a schema, a folder and the TTL in seconds. A file is empty and named
FENCE-NUMBER-PID-INSTANT: when it looked at its lease before it wrote. It says "ready" once it has asked for the lease.
"""

import os
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path

import psycopg

from tailguard.postgres.location import DatabaseError, connect
from tailguard.soak.lease import Lease, LeaseLostError


def main(conninfo: str, schema: str, folder: str, ttl: str) -> None:
    ttl_s = float(ttl)
    lease = Lease(partial(connect, conninfo, answer_within_s=ttl_s), schema, "soak", ttl_s)
    for time_asked in count():
        try:
            term = lease.take()
            if time_asked == 0:
                print("ready", flush=True)
            if term is not None:
                lead(lease, Path(folder), f"{term.fence:06}", ttl_s)
        except (LeaseLostError, psycopg.Error, DatabaseError):
            pass  # another leads, or the server is not there: it may come back
        time.sleep(ttl_s / 20)


def lead(lease: Lease, folder: Path, fence: str, ttl_s: float) -> None:
    number, renew_s = 0, time.monotonic() + ttl_s / 4
    while True:
        at_ns = time.monotonic_ns()
        lease.check()
        (folder / f"{fence}-{number:06}-{os.getpid()}-{at_ns}").touch(exist_ok=False)
        number += 1
        time.sleep(0.01)
        if time.monotonic() >= renew_s:
            lease.renew()
            renew_s = time.monotonic() + ttl_s / 4


main(*sys.argv[1:])
