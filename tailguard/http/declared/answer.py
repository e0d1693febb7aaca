"""What a step got back: whether it is a good answer, and what later steps take from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPMessage
from http.cookies import CookieError, SimpleCookie

import msgspec
from msgspec import UNSET, UnsetType

from tailguard.base.answered import Answered
from tailguard.engine.iteration.answers import FIRST_ERROR_STATUS, StatusError
from tailguard.http.declared.format import Expect, Step
from tailguard.http.template import Values, as_text, fill
from tailguard.http.wire.headers import Headers
from tailguard.record.part import Json
from tailguard.websocket.audience import at_path


class WrongAnswerError(Exception):
    """An answer of a good status is not what the step expects."""


class MissingValueError(Exception):
    """An answer lacks what the step saves, or a step needs what no earlier one has saved."""


class RefusedAnswerError(StatusError):
    """An answer whose status the step does not expect. `text` is its body."""

    def __init__(self, step: str, answered: Answered) -> None:
        super().__init__(answered.status, answered)
        self.step, self._answered = step, answered

    @property
    def text(self) -> str:
        """The body."""
        return self._answered.content.decode("utf-8", "replace")

    def __str__(self) -> str:
        """Return the request, the status and the first bytes."""
        return str(self._answered)


@dataclass(slots=True, eq=False)
class Answer:
    """`asked` names the request, or the event that was awaited; `headers` are those of an HTTP answer."""

    asked: str
    code: int
    headers: HTTPMessage | Mapping[str, str]
    content: bytes
    _json: "Json | UnsetType" = UNSET

    def __str__(self) -> str:
        """Return it in one line, for messages."""
        return str(Answered(self.asked, self.code, self.headers, self.content))

    @property
    def json(self) -> Json:
        """The body's JSON. Raises WrongAnswerError if it is none."""
        if self._json is UNSET:
            try:
                self._json = msgspec.json.decode(self.content)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise WrongAnswerError(f"{self}: that is not JSON ({error})") from None
        return self._json  # type: ignore[return-value]  # it is set

    @property
    def text(self) -> str:
        """The body."""
        return self.content.decode("utf-8", "replace")


def expected_of(step: Step) -> Expect:
    """Return what a step expects; a list is that of the statuses."""
    return step.expect if isinstance(step.expect, Expect) else Expect(status=step.expect)


def accepts(expect: Expect, status: int) -> bool:
    """Whether a status is good: one of those expected or, if none is, below 400."""
    return status in expect.status if expect.status else status < FIRST_ERROR_STATUS


def check(answer: Answer, expect: Expect, values: Values) -> None:
    """Raise WrongAnswerError for an answer that is not as expected."""
    for path, template in expect.json.items():
        wanted, found = fill(template, values), at_path(answer.json, path)
        if found != wanted and (found is None or as_text(found) != as_text(wanted)):
            raise WrongAnswerError(f"{answer}: expected {path} to be {wanted!r}, and it is {found!r}")
    if expect.text and not re.search(expect.text, answer.text):
        raise WrongAnswerError(f"{answer}: expected a text that matches {expect.text!r}")


def saved(answer: Answer, save: Mapping[str, str]) -> dict[str, Json]:
    """Return the values to save, by name. Raises MissingValueError for one that is not there."""
    found = {name: _WAYS[kind_of(place)](answer, place.partition(".")[2]) for name, place in save.items()}
    for name, value in found.items():
        if value is None:
            raise MissingValueError(f"{answer}: it has no {save[name]}, which is saved as {name}")
    return found


def kind_of(place: str) -> str:
    """Return the first word of where a value is saved from: json, header, cookie or regex."""
    return place.partition(".")[0]


def _in_json(answer: Answer, path: str) -> Json:
    found: Json = at_path(answer.json, path)
    return found


def _in_header(answer: Answer, name: str) -> str | None:
    return answer.headers.get(name)


def set_cookies(headers: HTTPMessage | Mapping[str, str | list[str]]) -> list[str]:
    """Return each Set-Cookie of an answer: under Locust several of one name are a list."""
    if isinstance(headers, HTTPMessage | Headers):
        return headers.get_all("Set-Cookie") or []
    found = headers.get("Set-Cookie", [])
    return [found] if isinstance(found, str) else found


def _in_cookie(answer: Answer, name: str) -> str | None:
    cookies = SimpleCookie()
    for line in set_cookies(answer.headers):
        try:
            cookies.load(line)
        except CookieError:
            continue
    return cookies[name].value if name in cookies else None


def _by_regex(answer: Answer, pattern: str) -> str | None:
    found = re.search(pattern, answer.text)
    return None if found is None else found[found.re.groups and 1]


_WAYS = {"json": _in_json, "header": _in_header, "cookie": _in_cookie, "regex": _by_regex}
SAVED_FROM = tuple(_WAYS)
