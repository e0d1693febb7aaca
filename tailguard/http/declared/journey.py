"""The journey of a declared scenario: its steps one after the other, each with the values that are known by then."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from msgspec import UNSET

from tailguard.base.errors import UsageError
from tailguard.engine.iteration import Iteration
from tailguard.http.declared.answer import Answer, MissingValueError
from tailguard.http.declared.broadcasts import Broadcasts
from tailguard.http.declared.client import Client
from tailguard.http.declared.condition import Condition
from tailguard.http.declared.cookies import Cookies
from tailguard.http.declared.format import Step
from tailguard.http.declared.request import Request, RequestStep, quoted
from tailguard.http.declared.request.always import ALWAYS
from tailguard.http.declared.request.pattern import UnsafeValueError
from tailguard.http.declared.request.together import one_winner
from tailguard.http.declared.rows import TypedRows
from tailguard.http.declared.socket import SWITCHING, Socket
from tailguard.http.template import fill, fill_text, fill_texts
from tailguard.record.part import Json


@dataclass(slots=True)
class Visit:
    """One iteration on its way: who sends, what is known, its cookies, its WebSocket.

    `sent` is the last request, None after a step on the WebSocket.
    """

    it: Iteration
    client: Client
    broadcasts: Broadcasts | None
    values: dict[str, Json]
    lifetime: ExitStack
    cookies: Cookies
    socket: Socket | None = None
    sent: Request | None = None

    def take_cookies(self, answer: Answer) -> None:
        """Take the cookies that the answer to the last request sets."""
        if self.sent is not None:
            user, url = self.sent.user, self.client.url_of(self.sent.path, self.sent.elsewhere)
            self.cookies.take(user, url, answer.headers, self.client.known(user))

    def opened(self) -> Socket:
        """Return the WebSocket that an earlier step connected."""
        if self.socket is None:
            raise MissingValueError(
                "there is no WebSocket: the step that connects was left out by its `when`"
            )
        return self.socket

    def connect(self, url: str, headers: Mapping[str, str], within_s: float) -> None:
        """Open the WebSocket; it is closed at the end of the iteration."""
        self.socket = Socket.connect(url, headers, within_s, self.lifetime)


@dataclass(frozen=True, slots=True)
class PlayedStep:
    """A step that is ready to be played; `request` if it sends one, else it is the WebSocket's."""

    step: Step
    condition: Condition
    request: RequestStep
    is_request: bool

    def prepare(self, visit: Visit) -> Callable[[], Answer]:
        """Fill the places, and return the call that is timed. Raises MissingValueError for a place without a value."""
        try:
            call = self._sending(visit) if self.is_request else self._on_socket(visit)
            if not self.step.broadcast:
                return call
            assert visit.broadcasts is not None  # a step that broadcasts has an audience
            key = fill(self.step.broadcast, visit.values)
            # The step takes the answer out of its Timed.
            return partial(visit.broadcasts.awaited, call, key, self.step.within_s)  # type: ignore[return-value]  # see above
        except UsageError as error:
            raise MissingValueError(f"{self.step.name}: {error}") from None
        except UnsafeValueError as error:
            return partial(_fail, error)

    def learn(self, answer: Answer, visit: Visit) -> None:
        """Check the answer, and save what later steps take from it."""
        visit.take_cookies(answer)
        self.request.learn(answer, visit.values)

    def _sending(self, visit: Visit) -> Callable[[], Answer]:
        request = self.request.request(visit.values)
        url = visit.client.url_of(request.path, request.elsewhere)
        cookies = visit.cookies.header(request.user, url)
        visit.sent = request = replace(request, headers={**cookies, **request.headers})
        step = self.step
        call = partial(visit.client.send, request, self.request.expect, step.refusals, step.name)
        if step.together == 1:
            return call
        return partial(one_winner, visit.it.together, call, step.together, step.refusals)

    def _on_socket(self, visit: Visit) -> Callable[[], Answer]:
        step, values = self.step, visit.values
        user = self.request.user.fill(values).decode()
        visit.sent = None
        client, wanted = visit.client, {path: fill(value, values) for path, value in step.await_.items()}
        in_path = {name: quoted(value) for name, value in values.items()}
        path = fill_text(step.connect, {**in_path, "token": client.token(user)})
        headers = {
            "Origin": client.origin,
            **client.credential(user).headers,
            **(visit.cookies.header(user, client.socket_url(path)) if step.connect else {}),
            **fill_texts(step.headers, values),
        }
        message = UNSET if step.send is UNSET else fill(step.send, values)
        asked = f"{step.name} ({step.connect or 'WebSocket'})"

        def call() -> Answer:
            if step.connect:
                visit.connect(client.socket_url(path), headers, step.within_s)
            if message is not UNSET:
                visit.opened().send(message)
            if wanted:
                return visit.opened().wait(asked, wanted, step.within_s)
            return Answer(asked, SWITCHING, {}, b"")

        return call


def _fail(failure: Exception) -> Answer:
    raise failure


@dataclass(frozen=True, slots=True)
class Journey:
    """Plays the steps of one scenario.

    Attributes:
        rows: they type the rows that it takes, by name.
        always: which of what every iteration knows it names.
    """

    steps: tuple[PlayedStep, ...]
    rows: Mapping[str, TypedRows]
    always: tuple[str, ...] = tuple(ALWAYS)

    @property
    def is_driven(self) -> bool:
        """Whether its steps are single requests and nothing else, so that an event loop can drive it."""
        return all(
            each.is_request and each.step.together == 1 and not each.step.broadcast for each in self.steps
        )

    def known(self, it: Iteration, taken: Mapping[str, Mapping[str, str]]) -> dict[str, Json]:
        """Return what an iteration knows when it begins; `taken` are its rows."""
        values: dict[str, Json] = {name: ALWAYS[name](it) for name in self.always}
        for name, row in taken.items():
            values[name] = self.rows[name].of(row)
        return values

    def play(
        self,
        it: Iteration,
        client: Client,
        broadcasts: Broadcasts | None,
        taken: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Play one iteration; `taken` are its rows. A failed step ends it."""
        values = self.known(it, taken)
        with ExitStack() as lifetime:
            visit = Visit(it, client, broadcasts, values, lifetime, Cookies(client.origin))
            for each in self.steps:
                if each.condition.holds(values):
                    each.learn(it.step(each.step.name, each.prepare(visit)), visit)
