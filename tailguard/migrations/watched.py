"""A statement under a watch, and what it means if our own deadline ended it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tailguard.migrations.checks import out_of_time
from tailguard.migrations.errors import OutOfTimeError
from tailguard.migrations.watch import Watch


@contextmanager
def watched(watch: Watch, deadline_s: float) -> Iterator[None]:
    """Watch the block. Raises OutOfTimeError if our deadline ended its statement."""
    try:
        with watch:
            yield
    except psycopg.errors.QueryCanceled as error:
        if watch.out_of_time:
            raise OutOfTimeError(out_of_time(watch, deadline_s)) from error
        raise
