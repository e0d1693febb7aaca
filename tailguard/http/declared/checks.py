"""What of declared scenarios cannot be, found before anything starts: each place must be known at its step."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.http.declared.answer import SAVED_FROM, RefusedAnswerError, expected_of, kind_of
from tailguard.http.declared.format import ScenarioTable, Step
from tailguard.http.declared.request import bodies_of
from tailguard.http.declared.request.always import ALWAYS
from tailguard.http.template import places

# Fixtures that declared scenarios use, and Tailguard's own: rows of these names would replace them.
RESERVED = {
    *ALWAYS, "token", "it", "samples", "client", "credentials",
    "config", "connections", "folder", "postgres", "run", "s3", "shard", "target",
}  # fmt: skip
REFUSAL = re.compile(r"([45]\d\d)(?: (.+))?")
_OF_REQUESTS = ("method", "query", "body", "form", "multipart", "raw", "file", "refusals", "together")
# Where the texts of a step may hold places.
_FILLED = (
    "when",
    "user",
    "path",
    "query",
    "headers",
    "body",
    "form",
    "multipart",
    "raw",
    "broadcast",
    "connect",
    "send",
    "await_",
)


@dataclass(frozen=True, slots=True)
class Known:
    """What texts may name: values by themselves, and rows with their fields."""

    values: tuple[str, ...]
    rows: Mapping[str, Sequence[str]]

    def check(self, template: object, where: str) -> None:
        """Raise UsageError for a place that stands for nothing, with the nearest that does."""
        for place in places(template):
            name, _, field = place.partition(".")
            if name in self.rows and field not in self.rows[name]:
                raise UsageError(
                    f"{where}: {{{place}}} stands for nothing: {name} has no such field."
                    f"{did_you_mean(field, self.rows[name])}"
                )
            if name not in self.rows and place not in self.values:
                known = [
                    *self.values,
                    *(f"{row}.{each}" for row, fields in self.rows.items() for each in fields),
                ]
                raise UsageError(f"{where}: {{{place}}} stands for nothing here.{did_you_mean(place, known)}")


def is_meant(refusal: str, failure: RefusedAnswerError) -> bool:
    """Whether a refusal as a step states it, "409" or "400 already sold", is this answer."""
    found = REFUSAL.fullmatch(refusal)
    assert found is not None  # the steps were checked
    return failure.status == int(found[1]) and (found[2] or "") in failure.text


def texts_of(step: Step, user: str) -> list[object]:
    """Return what of a step may hold places; `user` is who sends it unless it says so itself."""
    return [*(getattr(step, key) for key in _FILLED), expected_of(step).json, "" if step.user else user]


def check_steps(
    table: ScenarioTable, user: str, rows: Mapping[str, Sequence[str]], where: Sequence[str]
) -> None:
    """Check the steps in their order; `user` names who sends them, `where` each of them for messages.

    Raises UsageError for what cannot be.
    """
    values = list(ALWAYS)
    names: set[str] = set()
    is_connected = False
    for step, at in zip(table.steps, where, strict=True):
        if step.name in names:
            raise UsageError(f"{at}: there is another step of that name: give each one its own")
        names.add(step.name)
        is_connected = is_connected or bool(step.connect)
        for problem in _problems(step, is_connected=is_connected, has_audience=table.audience is not None):
            raise UsageError(f"{at}: {problem}")
        Known((*values, "token") if step.connect else tuple(values), rows).check(texts_of(step, user), at)
        if double := [name for name in step.save if name in RESERVED or name in rows]:
            raise UsageError(
                f"{at}: save: {double[0]!r} stands for something else already; save it by another name"
            )
        values += step.save
    if table.audience is not None and not any(step.broadcast for step in table.steps):
        raise UsageError(
            f"{where[0]}: there is an audience, and no step states what it awaits: broadcast = ..."
        )


def _problems(step: Step, *, is_connected: bool, has_audience: bool) -> Iterator[str]:
    """Yield what is wrong with a step by itself."""
    on_socket = bool(step.connect or step.await_ or step.send is not UNSET)
    if bool(step.path) == on_socket:
        yield "give it a path, or what it does on the WebSocket: connect, send, await; and not both"
    if on_socket:
        bare = Step(name=step.name)
        others = [key for key in _OF_REQUESTS if getattr(step, key) != getattr(bare, key)]
        if others:
            yield f"{others[0]} is of requests, and this step is on the WebSocket"
        if not is_connected:
            yield "no step before it connects the WebSocket: connect = ..."
    if len(bodies := bodies_of(step)) > 1:
        yield f"{' and '.join(bodies)} are both a body: leave one out"
    if step.together > 1 and not step.refusals:
        yield "together needs refusals: what those are answered who are not the one that is accepted"
    if step.together > 1 and step.broadcast:
        yield "together and broadcast cannot both be awaited: leave one out"
    if step.broadcast and not has_audience:
        yield "broadcast needs subscribers: [scenario.NAME.audience]"
    yield from _bad_words(step)


def _bad_words(step: Step) -> Iterator[str]:
    for name, place in step.save.items():
        kind, _, rest = place.partition(".")
        if kind_of(place) not in SAVED_FROM or not rest:
            yield f"save: {name} is {place!r}; write one of {', '.join(f'{each}.…' for each in SAVED_FROM)}"
        if kind == "regex" and (why := _no_pattern(rest)):
            yield f"save: {name}: {why}"
    if why := _no_pattern(expected_of(step).text):
        yield f"expect: text: {why}"
    for refusal in step.refusals:
        if not REFUSAL.fullmatch(refusal):
            yield f"refusals: {refusal!r} is not a status from 400 on, such as 409 or '400 already sold'"


def _no_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        return f"{text!r} is not a regular expression: {error}"
    return ""
