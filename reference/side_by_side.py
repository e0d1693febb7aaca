"""Work on one database over several connections at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import ExitStack
from typing import Any

from psycopg import Connection

_AGAIN_S = 0.1


def side_by_side(conninfo: str, parts: Sequence[Callable[[Connection[Any]], None]]) -> None:
    """Do each part over a connection of its own, in a thread; returns when all have ended.

    Raises what failed first. That, and Ctrl-C, end the other parts as well: what they have not committed is undone.
    """
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection.connect(conninfo)) for _ in parts]
        threads = stack.enter_context(ThreadPoolExecutor(len(parts), "side by side"))
        running = [threads.submit(part, each) for part, each in zip(parts, connections, strict=True)]
        try:
            for part in as_completed(running):
                part.result()
        except BaseException:
            while wait(running, _AGAIN_S).not_done:  # between two statements there is nothing to cancel yet
                for each in connections:
                    each.cancel_safe()
            raise
