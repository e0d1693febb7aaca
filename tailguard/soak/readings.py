"""Readings of a soak, one per segment: the process under test, and the database that it uses."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import psutil
import psycopg

from tailguard.postgres.location import DatabaseError, connect
from tailguard.record.soak import Reading
from tailguard.record.soak.segments import Counters, Key

_ANSWER_WITHIN_S = 5.0
_DATABASE = """
SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity
        WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()),
       coalesce(sum(n_dead_tup), 0),
       coalesce(sum(pg_catalog.pg_table_size(relid)), 0) / greatest(coalesce(sum(n_live_tup), 0), 1),
       coalesce(sum(pg_catalog.pg_indexes_size(relid)), 0) / greatest(coalesce(sum(n_live_tup), 0), 1),
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')
FROM pg_catalog.pg_stat_user_tables
"""


def _own_bytes(process: psutil.Process) -> int:
    """Return what a process has in memory, without what it may share with others: that would be counted in each.

    A leak is never in there; a server's shared buffers, which fill for hours, are.
    """
    held = process.memory_info()
    return int(held.rss - held.shared if psutil.LINUX else held.rss)


class Readings:
    """Reads the process that listens at `url` on this machine with its children, else this process; and `conninfo`."""

    def __init__(self, url: str, conninfo: str | None) -> None:
        self._url, self._conninfo = url, conninfo
        self._wal: tuple[float, float] | None = None  # bytes, and when

    def read(self, now_s: float) -> Counters:
        """Return what can be read now; what cannot is left out."""
        found = dict(self._of_process())
        with suppress(psycopg.Error, DatabaseError):
            found |= self._of_database(now_s)
        return {Key("reading", name=name): value for name, value in found.items()}

    def _of_process(self) -> Iterator[tuple[Reading, float]]:
        memory = files = 0
        with suppress(psutil.Error):
            process = self._process()
            if process is None:
                return
            for each in (process, *process.children(recursive=True)):
                memory += _own_bytes(each)
                files += each.num_fds()
            yield "memory", memory / 1e6
            yield "open files", float(files)

    def _process(self) -> psutil.Process | None:
        """Return what listens at the URL, this process without one; None if it is not to be seen."""
        if not self._url:
            return psutil.Process()
        port = urlsplit(self._url).port
        found = (
            each.pid
            for each in psutil.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port and each.pid
        )
        pid = min(found, default=None)  # of a server and its workers the oldest
        return None if pid is None else psutil.Process(pid)

    def _of_database(self, now_s: float) -> dict[Reading, float]:
        if self._conninfo is None:
            return {}
        with connect(self._conninfo, answer_within_s=_ANSWER_WITHIN_S) as connection:
            row = connection.execute(_DATABASE).fetchone()
        assert row is not None  # a sum always has a row
        connections, dead, table, index, wal = (float(each) for each in row)  # type: ignore[arg-type]  # numbers all
        found: dict[Reading, float] = {
            "connections": connections,
            "dead tuples": dead,
            "table bytes per row": table,
            "index bytes per row": index,
        }
        if self._wal is not None and now_s > self._wal[1]:
            found["WAL per minute"] = (wal - self._wal[0]) / 1e6 / ((now_s - self._wal[1]) / 60)
        self._wal = wal, now_s
        return found
