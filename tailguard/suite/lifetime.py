"""The values of one lifetime: a process or a virtual user. Each is made once, and torn down in reverse order."""

import inspect
import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.extras import missing_part
from tailguard.base.interrupts import OverdueError, deadline
from tailguard.base.secrets import mask
from tailguard.suite.plan import AnyFixture, Node
from tailguard.suite.signature import line_of_failure

log = logging.getLogger(__name__)

# A server that has not ended by then is not going to, and the verdict must not wait for longer.
TEARDOWN_S = 10.0


class Lifetime:
    """A context manager, to be used in one thread. Leaving it takes away everything that it made."""

    def __init__(self) -> None:
        self._values: dict[Node, object] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def value(self, node: Node) -> object:
        """Return a node's value; it and what it needs are made if they are new.

        Raises:
            UsageError: the fixture raised, with its file and line.
            TailguardError: what the fixture raised of that kind, unchanged.
        """
        if node not in self._values:
            self._values[node] = self._new(node)
        return self._values[node]

    def made(self, nodes: Iterable[Node]) -> list[object]:
        """Return the values of those nodes that have been made."""
        return [self._values[node] for node in nodes if node in self._values]

    def _new(self, node: Node) -> object:
        needs = zip(node.fixture.needs, node.needs, strict=True)
        return self.make(node.fixture, {name: self.value(need) for name, need in needs})

    def make(self, fixture: AnyFixture, arguments: dict[str, object]) -> object:
        """Call a fixture and remember how to take away what it made."""
        with naming(fixture):
            made = fixture.make(**arguments)
            if not inspect.isgeneratorfunction(fixture.make):
                return made
            assert isinstance(made, Generator)  # a generator function was called
            value = next(made)
        self._stack.callback(_take_away, fixture, made)
        return value


@contextmanager
def naming(fixture: AnyFixture) -> Iterator[None]:
    """Raise what a fixture raises while it is made as UsageError, with its file and line."""
    try:
        yield
    except (StopIteration, StopAsyncIteration):
        raise UsageError(f"{fixture.place}: fixture {fixture.name!r} ended without a yield") from None
    except TailguardError:
        raise
    except Exception as failure:
        if isinstance(failure, ImportError) and (missing := missing_part(failure)):
            raise UsageError(f"fixture {fixture.name!r}: {missing}") from failure
        line = line_of_failure(failure, fixture.make.__code__.co_filename)
        raise UsageError(
            f"{line}: fixture {fixture.name!r} could not be made: {type(failure).__name__}: {mask(str(failure))}"
        ) from failure


@contextmanager
def in_time(what: str, file: str, within_s: float) -> Iterator[None]:
    """Bound what prepares `what`; `file` is where it was written. Raises UsageError with the line that it hung at."""
    try:
        with deadline(within_s, lambda told: log.info("preparing %s %s", what, told)):
            yield
    except OverdueError as overdue:
        at = line_of_failure(overdue.__cause__ or overdue, file)
        raise UsageError(
            f"{what} was not prepared within {within_s:g} s (limits.prepare_s), and was left at {at}: "
            "look at what that waits for, or give a higher limit"
        ) from overdue


def _take_away(fixture: AnyFixture, generator: Generator[object, None, None]) -> None:
    """Let a fixture take away what it yielded. Errors are logged."""
    try:
        with deadline(
            TEARDOWN_S, lambda what: log.warning("%s: fixture %r %s", fixture.place, fixture.name, what)
        ):
            next(generator)
            log.warning("%s: fixture %r yields twice; what follows was left", fixture.place, fixture.name)
    except (StopIteration, OverdueError):
        return
    except Exception as failure:  # noqa: BLE001  # whatever it met, the fixtures before it have their turn
        say_left(fixture, failure)


def say_left(fixture: AnyFixture, failure: Exception) -> None:
    """Say in the log why a fixture could not be torn down."""
    line = line_of_failure(failure, fixture.make.__code__.co_filename)
    log.warning(
        "%s: fixture %r could not be torn down: %s: %s",
        line,
        fixture.name,
        type(failure).__name__,
        mask(str(failure)),
    )
