"""A fixture: something that journeys, invariants and other fixtures ask for by the name of an argument."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args, overload

from tailguard.base.errors import UsageError
from tailguard.suite.rows import Row, Rows
from tailguard.suite.signature import checked_name, is_async, place_of, wanted

T = TypeVar("T")

# Once per run, once per load-making process, once per virtual user; a fixture may ask for those of its own scope and of
# the wider ones before it.
Scope = Literal["run", "process", "user"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True, eq=False)
class Fixture(Generic[T]):
    """How to make a value and, if `make` is a generator function, how to take it away again.

    `is_given` says that each process has the value already: it need not be data, whatever its scope. The value of
    `rows` is a user's or, in a journey, an iteration's.
    """

    name: str
    scope: Scope
    make: Callable[..., object]
    needs: tuple[str, ...]
    is_given: bool = False
    rows: Rows | None = None  # what a journey gets anew in each iteration
    case: str = ""  # of a parameter, its value: scenarios do not share it by its name

    @property
    def is_async(self) -> bool:
        """Whether it is made on an event loop."""
        return is_async(self.make)

    @property
    def module(self) -> str:
        """Name of the module that it was written in."""
        return self.rows.module if self.rows else self.make.__module__

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return self.rows.place if self.rows else place_of(self.make)


@overload
def fixture(make: Callable[..., T], /) -> Fixture[T]: ...
@overload
def fixture(*, scope: Scope) -> Callable[[Callable[..., T]], Fixture[T]]: ...
def fixture(
    make: Callable[..., T] | None = None, /, *, scope: Scope = "process"
) -> Fixture[T] | Callable[[Callable[..., T]], Fixture[T]]:
    """Make a function a fixture: what it returns, or yields, is the value; what follows the yield tears it down.

    Args:
        make: the function; its arguments name the fixtures that it needs.
        scope: "run": once, in the process that was started; the value is plain data, as other processes get a copy.
            "process": once in each process that makes load, shared by its threads.
            "user": once for each virtual user, made and torn down in its own thread.
            An `async def` one, for async journeys, is made on their event loop.

    Raises:
        UsageError: an unknown scope, or a function that cannot be a fixture.
    """
    if make is None:
        return lambda function: _fixture(function, scope)
    return _fixture(make, scope)


def _fixture(make: Callable[..., T], scope: Scope) -> Fixture[T]:
    if scope not in SCOPES:
        raise UsageError(f"{place_of(make)}: scope {scope!r} is not one of {', '.join(SCOPES)}")
    if scope == "run" and is_async(make):
        raise UsageError(
            f"{place_of(make)}: {make.__name__} is async; a fixture of scope 'run' is made where no event loop runs: "
            "write it as a plain `def`"
        )
    return Fixture(checked_name("fixture", make), scope, make, wanted(make))


def given(name: str, value: T, scope: Scope = "run") -> Fixture[T]:
    """Return the fixture of a value that each process has already: how a suite is handed its built-ins."""
    return Fixture(name, scope, lambda: value, (), is_given=True)


def parameter(name: str, value: object) -> Fixture[object]:
    """Return the fixture of a parameter's value in one case of a scenario."""
    return Fixture(name, "run", lambda: value, (), is_given=True, case=f"={value}")


def fixture_of_rows(name: str, rows: Rows) -> Fixture[Row]:
    """Return the fixture of the rows that a variable of that name holds; `make` takes the user's number."""
    return Fixture(name, "user", rows.at, (), rows=rows)
