"""Connections to lend: a bounded number, the one used last first, none bound to a thread.

psycopg_pool does the same and more; its bookkeeping cost a fifth of a one-row update's client time with 8 threads
(benchmarks/against_pgbench.py), this one a thirtieth.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue

from psycopg.pq import TransactionStatus

from reference.connection import Connection
from reference.errors import Unavailable

# How long a request waits for a free connection before it is answered 503.
WAIT_S = 5.0


class Pool:
    """Lends each connection to one borrower at a time and opens new ones until `size` are open."""

    def __init__(self, connect: Callable[[], Connection], size: int) -> None:
        """Open nothing yet; `connect` makes a connection."""
        self._connect, self._size = connect, size
        self._idle: deque[Connection] = deque()  # its append and pop are atomic
        self._open = 0
        self._counting = threading.Lock()
        self._waiting = 0
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._closed = False

    def lend(self) -> Connection:
        """Return a connection for the borrower alone. Raises Unavailable, psycopg.OperationalError."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._open_one() or self._wait()

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; one that is broken or in a transaction is dropped.

        Where one has broken the server has most often gone, and with it those that are idle: they are dropped too, as
        each would cost a request its answer.
        """
        if connection.closed:
            self._empty()
        if self._closed or connection.pgconn.transaction_status != TransactionStatus.IDLE:
            self._drop(connection)
        else:
            self._idle.append(connection)
            if self._closed:  # closed in between: nobody else will empty it
                self.close()
        # After the append: who began to wait before it is woken, who begins after it finds the connection.
        if self._waiting:
            self._wake.put(None)

    def close(self) -> None:
        """Close what is idle, and what is lent when it comes back. A second call does nothing."""
        self._closed = True
        self._empty()

    def _empty(self) -> None:
        """Drop what is idle."""
        while self._idle:
            try:
                self._drop(self._idle.pop())
            except IndexError:  # somebody else emptied it
                return

    def _open_one(self) -> Connection | None:
        """Open a connection where there is room for one more."""
        with self._counting:
            if self._closed:
                raise Unavailable("the platform is closed")
            if self._open >= self._size:
                return None
            self._open += 1
        try:
            return self._connect()
        except BaseException:
            with self._counting:
                self._open -= 1
            raise

    def _wait(self) -> Connection:
        end_s = time.monotonic() + WAIT_S
        with self._counting:
            self._waiting += 1
        try:
            while (left_s := end_s - time.monotonic()) > 0:
                try:
                    return self._idle.pop()
                except IndexError:
                    if (opened := self._open_one()) is not None:
                        return opened
                    self._pause(left_s)
            raise Unavailable(f"no database connection was free within {WAIT_S:g} s")
        finally:
            with self._counting:
                self._waiting -= 1

    def _pause(self, left_s: float) -> None:
        try:
            self._wake.get(timeout=left_s)
        except Empty:
            return

    def _drop(self, connection: Connection) -> None:
        connection.close()
        with self._counting:
            self._open -= 1
