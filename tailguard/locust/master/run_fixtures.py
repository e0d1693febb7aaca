"""Fixtures of scope "run" of a Locust run: made by a process of their own, which keeps them until the run has ended.

Locust's master runs on one loop, which servers and seeds would hold up, and its interpreter is patched by gevent. The
process speaks in lines of JSON: its order comes in on standard input, where a secret is not seen by `ps`; what it has
made, or why it cannot, goes out on standard output. It ends when its standard input does, so it never outlives us.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.piped_process import PipedProcess
from tailguard.locust.options import Selection
from tailguard.record.environment import Environment
from tailguard.suite.data import Data, from_data
from tailguard.suite.run import Target

# What the servers of the fixtures are given to end by themselves.
STOP_S = 60.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to make: the fixtures of scope "run" of these scenarios; `planned` has the most iterations of each."""

    selection: Selection
    run: str
    planned: Mapping[str, int]
    target: Target


class Made(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What was made.

    Attributes:
        values: the fixtures' values, as data, by the keys of their nodes.
        notes: what they noted of the run, as data.
        skipped: why a scenario cannot be played, by its name.
        environment: this machine, and the servers that were started.
    """

    values: msgspec.Raw
    notes: msgspec.Raw
    skipped: Mapping[str, str]
    environment: Environment

    def noted(self) -> dict[str, object]:
        """Return the notes themselves."""
        notes: dict[str, Data] = msgspec.json.decode(self.notes)
        return {name: from_data(value) for name, value in notes.items()}


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why it cannot be made."""

    why: str


Told: TypeAlias = Made | Failed


@contextmanager
def run_fixtures(order: Order) -> Iterator[Made]:
    """Have the fixtures made, and kept while the `with` lasts. Raises UsageError if they cannot be made."""
    with PipedProcess(f"{__package__}.run_fixtures_process", patience_s=STOP_S) as process:
        process.send(msgspec.json.encode(order))
        yield _read(process.read())


def _read(line: bytes) -> Made:
    if not line:
        raise UsageError("The process that makes the run's fixtures ended before they were made: see above.")
    told: Told = msgspec.json.decode(line, type=Told)
    if isinstance(told, Failed):
        raise UsageError(told.why)
    return told
