"""A scenario: one user journey with its load, its limits and what must hold after it."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, Generic, ParamSpec, overload

from tailguard.base.errors import UsageError
from tailguard.config.stated_load import stated_load
from tailguard.engine.iteration.answers import Refusal, Refusals, refusal_name
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.workload import DrivenJourney
from tailguard.record.scenario import Invariant
from tailguard.suite.params import Case, Params, cases_of, check_params, label_of, slo_of
from tailguard.suite.rows import Row
from tailguard.suite.signature import checked_name, place_of, refuse_async, wanted

# Iterations of an async scenario that are in flight at most, if it states none: they cost a loop little.
ASYNC_USERS = 64
# Of a driven one, whose connections are made as arrivals need them: below the 1,024 files that a process may have open.
DRIVEN_USERS = 512

P = ParamSpec("P")
Q = ParamSpec("Q")
Check = Callable[Q, Iterable[Invariant]]
Journey = Callable[Concatenate[Any, P], object]  # Any: an Iteration, of an async journey an AsyncIteration
Taken = Callable[[int], Mapping[str, Row]]
# Takes what gives an iteration's rows by its number, then the journey's fixtures by name.
Driver = Callable[Concatenate[Taken, ...], AbstractAsyncContextManager[Callable[[int], DrivenJourney]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a scenario states beside its code, as people write it: limits, and how often it expects to be refused.

    Attributes:
        slo: such as "pay p99 <= 900ms".
        refusals: the share of each refusal by its name in the record, such as {"HTTP 409": "<= 1%"}.
    """

    slo: tuple[str, ...] = ()
    refusals: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether anything is limited."""
        return bool(self.slo or self.refusals)


@dataclass(frozen=True, slots=True, eq=False)
class Scenario(Generic[P]):
    """One user journey. `P` are the fixtures that it runs on.

    Attributes:
        name: its name in files, tables and on the command line.
        title: its name for people.
        journey: one iteration; takes the iteration, then the fixtures that it needs.
        rate: starts in an open model, such as "50/s"; "" for a closed one, in which each user begins again at once.
        users: most iterations at once; 0 for the usual number, in a closed model 1.
        think: what each user of a closed model waits between two iterations, in no step, such as "1s" or "1s to 3s".
        steps: names of the timed steps in order; none if they are found while the journey runs.
        slo: limits, such as "checkout p95 <= 250ms".
        refusals: clean, expected refusals, each with the share that is expected, such as "<= 2%"; "" if none is
            stated, then more than a few make the run INVALID unless a `refusal rate` is limited.
        params: values of arguments; the scenario is played as its `cases`, one for each combination.
        case: the values of this case.
        driver: how an event loop drives it by callbacks, if it can; `journey` is played wherever there is no loop.
    """

    name: str
    title: str
    journey: Journey[P]
    rate: str
    users: int
    think: str
    steps: tuple[str, ...]
    slo: tuple[str, ...]
    refusals: Mapping[Refusal, str]
    params: Params = field(default_factory=dict)
    case: Case = field(default_factory=dict)
    driver: Driver | None = None
    _checks: list[Check[...]] = field(default_factory=list, repr=False)  # none or one

    def invariants(self, check: Check[Q]) -> Check[Q]:
        """Decorate the function that yields what must hold after the last sample (`expect`).

        It takes fixtures by name, and `samples`. Raises UsageError for a second one.
        """
        if self._checks:
            raise UsageError(
                f"{place_of(check)}: scenario {self.name!r} has its invariants at {place_of(self._checks[0])}: "
                "let one function yield them all"
            )
        refuse_async(check)
        wanted(check)
        self._checks.append(check)
        return check

    @property
    def cases(self) -> "list[Scenario[P]]":
        """What is played: a scenario for each combination of its parameters' values, or this one."""
        if not self.params:
            return [self]
        return [
            replace(
                self,
                name=f"{self.name}{label_of(case)}",
                title=f"{self.title} {label_of(case)}",
                slo=tuple(slo_of(self.slo, case)),
                params={},
                case=case,
            )
            for case in cases_of(self.params)
        ]

    @property
    def limits(self) -> Limits:
        """What it states beside its code: limits, and the refusals whose share is stated."""
        shares = {refusal_name(each): share for each, share in self.refusals.items() if share}
        return Limits(self.slo, shares)

    @property
    def check(self) -> Check[...] | None:
        """The function of the invariants, if there is one."""
        return self._checks[0] if self._checks else None

    @property
    def is_async(self) -> bool:
        """Whether the journey is awaited, on an event loop."""
        return inspect.iscoroutinefunction(self.journey)

    @property
    def users_of_open(self) -> int:
        """Most iterations at once in an open model, if it states none; 0 for what is configured."""
        return DRIVEN_USERS if self.driver else ASYNC_USERS if self.is_async else 0

    @property
    def module(self) -> str:
        """Name of the module that it was written in."""
        return self.journey.__module__

    @property
    def file(self) -> str:
        """The file that it was written in."""
        return self.journey.__code__.co_filename

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return place_of(self.journey)

    @property
    def journey_needs(self) -> tuple[str, ...]:
        """Names of the fixtures that the journey takes."""
        return wanted(self.journey, after=1)

    @property
    def check_needs(self) -> tuple[str, ...]:
        """Names of what the invariants take, `samples` among them."""
        return wanted(self.check) if self.check else ()


@overload
def scenario(journey: Journey[P], /) -> Scenario[P]: ...
@overload
def scenario(
    *,
    title: str = "",
    rate: str = "",
    users: int = 0,
    think: str = "",
    steps: Sequence[str] = (),
    slo: Sequence[str] = (),
    refusals: Mapping[Refusal, str] | Sequence[Refusal] = (),
    params: Params | None = None,
) -> Callable[[Journey[P]], Scenario[P]]: ...
def scenario(
    journey: Journey[P] | None = None,
    /,
    *,
    title: str = "",
    rate: str = "",
    users: int = 0,
    think: str = "",
    steps: Sequence[str] = (),
    slo: Sequence[str] = (),
    refusals: Mapping[Refusal, str] | Sequence[Refusal] = (),
    params: Params | None = None,
) -> Scenario[P] | Callable[[Journey[P]], Scenario[P]]:
    """Make a function a scenario: the attributes of `Scenario` say what the arguments mean.

    The title is made of the function's name unless it is given. `refusals` without shares may be a plain sequence.
    `params={"size": [10, 1000]}` makes `checkout[size=10]` and `checkout[size=1000]` of one journey that takes `size`;
    a limit of one of them is written `[size=1000]: p95 <= 900ms`.

    Raises:
        UsageError: file and line, and what of it cannot be.
    """

    def declare(journey: Journey[P]) -> Scenario[P]:
        name = checked_name("scenario", journey)
        shares = refusals if isinstance(refusals, Mapping) else dict.fromkeys(refusals, "")
        made = Scenario(
            name,
            title or name.replace("_", " ").capitalize(),
            journey,
            rate,
            users,
            think,
            tuple(steps),
            tuple(slo),
            shares,
            params or {},
        )
        _check_declared(made)
        return made

    return declare if journey is None else declare(journey)


def _check_declared(made: Scenario[P]) -> None:
    if inspect.isgeneratorfunction(made.journey) or inspect.isasyncgenfunction(made.journey):
        raise UsageError(
            f"{made.place}: scenario {made.name!r} yields: a journey is a plain function, or an async one"
        )
    _ = made.journey_needs
    if set(map(len, made.slo)) == {1}:
        raise UsageError(f"{made.place}: slo is one text; write it as a list: slo=[...]")
    if made.users < 0:
        raise UsageError(f"{made.place}: users is {made.users}; give 1 or more")
    try:
        stated_load(made.rate, made.users, made.think)
        StepNames(made.steps)
        Refusals(made.refusals)
        check_params(made.params, made.journey_needs, made.slo)
    except UsageError as error:
        raise UsageError(f"{made.place}: scenario {made.name!r}: {error}") from None
