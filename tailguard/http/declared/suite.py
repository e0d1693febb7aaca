"""Declared scenarios as the scenarios and fixtures that any suite is made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any  # of fixtures of every type of value

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.config.stated_load import stated_rate
from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.answers import Refusal
from tailguard.http.declared.answer import RefusedAnswerError
from tailguard.http.declared.broadcasts import reached_everybody
from tailguard.http.declared.checks import RESERVED, Known, check_steps, is_meant, texts_of
from tailguard.http.declared.client import Client
from tailguard.http.declared.condition import Condition
from tailguard.http.declared.driven import driven
from tailguard.http.declared.fixtures import AnyFixture, Users, audience_of, fixtures_for, names_of_audience
from tailguard.http.declared.format import Audience, MixTable, ScenarioTable, Step, TargetFile
from tailguard.http.declared.invariants import held_in
from tailguard.http.declared.journey import Journey, PlayedStep
from tailguard.http.declared.reading import Source, read_target_file
from tailguard.http.declared.request import RequestStep
from tailguard.http.declared.request.always import ALWAYS
from tailguard.http.declared.request.pattern import UnsafeValueError
from tailguard.http.declared.rows import TypedRows, rows_of
from tailguard.http.template import places
from tailguard.judge.checked_table import saying_where
from tailguard.record.part import Json
from tailguard.record.scenario import Invariant
from tailguard.suite.discovery import Part
from tailguard.suite.fixture import fixture_of_rows
from tailguard.suite.mix import Mix
from tailguard.suite.rows import Rows
from tailguard.suite.scenario import Scenario, scenario


def declared_part(file: Path) -> Part:
    """Return the scenarios that a file declares, and their fixtures. Nothing is sent; the rows that they name are read.

    Raises UsageError, with file and line, for what there is not or cannot be.
    """
    declared, source = read_target_file(file)
    builder = _Builder(declared, source, file.resolve())
    scenarios = {name: builder.scenario(name, table) for name, table in declared.scenario.items()}
    mixes = {name: builder.mix(name, table, scenarios) for name, table in declared.mix.items()}
    return Part(builder.module, [*scenarios.values()], builder.fixtures(), mixes)


@dataclass(frozen=True)
class _Builder:
    """Builds the suite of one file."""

    declared: TargetFile
    source: Source
    file: Path

    @property
    def module(self) -> str:
        """What stands for a module's name."""
        return self.file.name

    def fixtures(self) -> dict[str, AnyFixture]:
        """Return the fixtures of the file."""
        where = f"{self.source.at('target.login')}: [target.login]"
        users = Users(self.declared.target, self.file, where, self._rows_of_users)
        found = {name: fixture_of_rows(name, rows) for name, rows in self._rows.items()}
        found |= fixtures_for(users)
        for name, table in self.declared.scenario.items():
            if table.audience is not None:
                found |= self._audience(name, table.audience)
        return found

    def scenario(self, name: str, table: ScenarioTable) -> Scenario[...]:
        """Return one scenario."""
        user = table.user or (f"{{{self._users}.id}}" if self._users else "")
        named = {place.partition(".")[0] for step in table.steps for place in places(texts_of(step, user))}
        known = {each: self._typed(each) for each in self._rows}
        rows = {each: typed for each, typed in known.items() if each in named}
        where = [
            f"{self.module}, line {self.source.line_of_step(name, number)}: step {step.name!r} of {name}"
            for number, step in enumerate(table.steps)
        ]
        check_steps(table, user, {each: typed.fields for each, typed in known.items()}, where)
        steps = tuple(
            PlayedStep(step, Condition(step.when), self._request(step, user, at), bool(step.path))
            for step, at in zip(table.steps, where, strict=True)
        )
        journey = Journey(steps, rows, tuple(each for each in ALWAYS if each in named))
        declare = scenario(
            title=table.title,
            rate=table.rate,
            users=table.users,
            steps=[step.name for step in table.steps],
            refusals=refusals_of(table),
        )
        made: Scenario[...] = declare(self._function(name, journey, has_audience=bool(table.audience)))
        if journey.is_driven:
            made = replace(made, driver=partial(driven, journey))
        if table.audience is not None or table.invariants:
            made.invariants(self._check(name, table))
        return made

    def _request(self, step: Step, user: str, where: str) -> RequestStep:
        try:
            return RequestStep.of(step, user, self.file.parent)
        except UnsafeValueError as error:
            raise UsageError(f"{where}: {error}") from None

    def mix(self, name: str, table: MixTable, scenarios: Mapping[str, Scenario[...]]) -> Mix:
        """Return scenarios of the file that are played at once."""
        place = self.source.at(f"mix.{name}")
        for each in table.weights:
            if each not in scenarios:
                raise UsageError(
                    f"{place}: [mix.{name}]: there is no scenario {each!r}.{did_you_mean(each, scenarios)}"
                )
        if len(table.weights) < 2:  # noqa: PLR2004  # a mix
            raise UsageError(f"{place}: [mix.{name}]: a mix is of two scenarios or more")
        with saying_where(f"{place}: [mix.{name}]"):
            stated_rate(table.rate)
        return Mix(
            {scenarios[each]: weight for each, weight in table.weights.items()},
            table.rate,
            self.module,
            place,
        )

    @cached_property
    def _rows(self) -> dict[str, Rows]:
        found = {}
        for name, table in self.declared.rows.items():
            where = self.source.at(f"rows.{name}")
            if name in RESERVED:
                raise UsageError(
                    f"{where}: rows cannot be called {name!r}, a name of Tailguard's own: rename them"
                )
            found[name] = rows_of(name, table, self.file.parent, self.module, where)
        return found

    @cached_property
    def _types(self) -> dict[str, TypedRows]:
        return {}

    def _typed(self, name: str) -> TypedRows:
        if name not in self._types:
            self._types[name] = TypedRows(self._rows[name])
        return self._types[name]

    @cached_property
    def _users(self) -> str:
        """The name of the rows that log in, "" if there are none."""
        login = self.declared.target.login
        if login is None or login.rows is None:
            return ""
        at = f"{self.source.at('target.login')}: [target.login]: rows"
        if login.rows not in self._rows:
            raise UsageError(f"{at}: there is no [rows.{login.rows}].{did_you_mean(login.rows, self._rows)}")
        if "id" not in self._typed(login.rows).fields:
            raise UsageError(f"{at}: {login.rows} has no column id, by which a step finds who sends it")
        return login.rows

    def _rows_of_users(self) -> list[dict[str, Json]]:
        return (
            [self._typed(self._users).of(row) for row in self._rows[self._users].values]
            if self._users
            else []
        )

    def _audience(self, name: str, audience: Audience) -> dict[str, AnyFixture]:
        """Return the fixtures of subscribers: they connect as the first user, to what the first rows name."""
        named = {place.partition(".")[0] for place in places(audience.path)}
        first = {
            each: self._typed(each).of(rows.values[0]) for each, rows in self._rows.items() if each in named
        }
        where = f"{self.source.at(f'scenario.{name}.audience')}: [scenario.{name}.audience]"
        Known(("token",), {each: tuple(row) for each, row in first.items()}).check(audience.path, where)
        users = self._rows_of_users()
        return audience_of(name, audience, str(users[0]["id"]) if users else "", dict(first))

    def _function(self, name: str, journey: Journey, *, has_audience: bool) -> Callable[..., object]:
        """Return a journey as a function that asks for its fixtures by name."""
        broadcasts = names_of_audience(name)[1] if has_audience else ""

        def play(it: Iteration, client: Client, **given: Any) -> None:
            audience = given.pop(broadcasts, None)
            journey.play(it, client, audience, given)

        wanted = ["it", "client", *([broadcasts] if broadcasts else []), *journey.rows]
        return self._standing_at(play, name, wanted, f"scenario.{name}")

    def _check(self, name: str, table: ScenarioTable) -> Callable[..., Iterator[Invariant]]:
        """Return the invariants of a scenario: of its broadcasts, and of the service's database."""
        subscribers = names_of_audience(name)[0] if table.audience else ""
        wanted = {subscribers: "audience"} if subscribers else {}
        wanted |= {"postgres": "invariants"} if table.invariants else {}

        def holds(**given: Any) -> Iterator[Invariant]:
            if subscribers:
                yield from reached_everybody(given[subscribers])
            if table.invariants:
                yield from held_in(given["postgres"], table.invariants)

        key = f"scenario.{name}.{next(iter(wanted.values()))}"
        return self._standing_at(holds, "holds", [*wanted], key)

    def _standing_at(self, function: Any, name: str, wanted: Sequence[str], key: str) -> Callable[..., Any]:
        """Return a function that asks for what is wanted, and whose place is a line of the file, as a template's is."""
        function.__name__ = function.__qualname__ = name
        function.__module__ = self.module
        function.__signature__ = Signature(
            [Parameter(each, Parameter.POSITIONAL_OR_KEYWORD) for each in wanted]
        )
        function.__code__ = function.__code__.replace(
            co_filename=str(self.file), co_firstlineno=self.source.line(key)
        )
        found: Callable[..., Any] = function
        return found


def refusals_of(table: ScenarioTable) -> dict[Refusal, str]:
    """Return the refusals of a scenario's steps, each with the share of all samples that is expected."""
    stated = [(step.name, refusal, share) for step in table.steps for refusal, share in step.refusals.items()]
    named = [refusal for _, refusal, _ in stated]
    return {
        _refusal(step, refusal, alone=named.count(refusal) == 1): share for step, refusal, share in stated
    }


def _refusal(step: str, refusal: str, *, alone: bool) -> Callable[[Exception], bool]:
    def is_refusal(failure: Exception) -> bool:
        return isinstance(failure, RefusedAnswerError) and failure.step == step and is_meant(refusal, failure)

    is_refusal.__name__ = f"HTTP {refusal}" if alone else f"HTTP {refusal} of {step}"
    return is_refusal
