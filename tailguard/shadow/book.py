"""What is kept of a shadow run: a sample of each side for each request, and in what the answers differ."""

from tailguard.compare.shadow.fields import FieldDifference, Reading, differing
from tailguard.engine.iteration.answers import FIRST_ERROR_STATUS
from tailguard.engine.recorder import ErrorKinds, Recorder
from tailguard.http.recorded.routes import Routes, route_of
from tailguard.record.samples import ERROR, Samples, pack_code
from tailguard.record.shadow import CANDIDATE, PRIMARY
from tailguard.record.shadow.answers import AnswerRows, Answers
from tailguard.shadow.callers import Reply
from tailguard.shadow.messages import Answer
from tailguard.shadow.proxy import Exchange

# The field in which an answer differs that did not come.
NO_ANSWER = "answer"
# The first of a route's GETs are asked twice, then one in so many.
_FIRST_TWICE, _EVERY_TWICE = 20, 20
# Different fields, whose names an odd candidate could make up for ever; the rest share one.
_MOST_FIELDS = 2_000
OTHER_FIELDS = "other fields"


class Book:
    """Keeps all of a run in memory: some 150 bytes per compared request."""

    def __init__(self) -> None:
        self.routes = Routes()
        self.examples: dict[tuple[str, str], tuple[str, str]] = {}
        self._rows = AnswerRows()
        self._sides = {PRIMARY: Recorder(), CANDIDATE: Recorder()}
        self._errors = {PRIMARY: ErrorKinds(), CANDIDATE: ErrorKinds()}
        self._reads: dict[str, int] = {}
        self._asked_twice = 0

    def __len__(self) -> int:
        """Return the number of compared requests."""
        return len(self._sides[CANDIDATE])

    def wants_twice(self, exchange: Exchange) -> bool:
        """Tell whether the primary is to be asked this again, to learn in what it differs from itself."""
        request = exchange.request
        if request.method != b"GET":
            return False
        route = route_of(request.method, request.target)
        read = self._reads[route] = self._reads.get(route, 0) + 1
        return read <= _FIRST_TWICE or read % _EVERY_TWICE == 0

    def compared(self, exchange: Exchange, reply: Reply) -> None:
        """Take the candidate's answer."""
        request, answer = exchange.request, exchange.answer
        name = route_of(request.method, request.target)
        route, number = self.routes.number(name), len(self)
        found = _differences(answer, reply)
        self._rows.add(number, route, [self._known(each.field) for each in found], twice=False)
        for each in found:
            place = self.routes.names[route], self._known(each.field)
            self.examples.setdefault(place, (each.primary, each.candidate))
        self._sample(PRIMARY, request.ended_ns, answer.ended_ns, route, answer.status, "")
        status = reply.answer.status if reply.answer else 0
        self._sample(CANDIDATE, reply.began_ns, reply.ended_ns, route, status, reply.why)

    def asked_twice(self, exchange: Exchange, reply: Reply) -> None:
        """Take the primary's second answer; what gave none teaches nothing."""
        if reply.answer is None:
            return
        request = exchange.request
        route = self.routes.number(route_of(request.method, request.target))
        found = _differences(exchange.answer, reply)
        self._rows.add(self._asked_twice, route, [self._known(each.field) for each in found], twice=True)
        self._asked_twice += 1

    def samples(self) -> dict[str, Samples]:
        """Return the samples of both sides, none without a request."""
        if not len(self):
            return {}
        return {
            name: side.samples(name, self.routes.names, self._errors[name].names())
            for name, side in self._sides.items()
        }

    def answers(self) -> Answers:
        return self._rows.answers(self.routes.names)

    def _sample(self, side: str, began_ns: int, ended_ns: int, route: int, status: int, why: str) -> None:
        kind = why or (f"HTTP {status}" if status >= FIRST_ERROR_STATUS else "")
        code = pack_code(route, ERROR, 0, self._errors[side].number(kind)) if kind else pack_code(route)
        self._sides[side].append(began_ns, began_ns, ended_ns, code)

    def _known(self, field: str) -> str:
        known = self._rows.numbers
        return field if field in known or len(known) < _MOST_FIELDS else OTHER_FIELDS


def _differences(answer: Answer, reply: Reply) -> list[FieldDifference]:
    if reply.answer is None:
        return [FieldDifference(NO_ANSWER, f"HTTP {answer.status}", reply.why)]
    if not reply.answer.whole:
        return [FieldDifference(NO_ANSWER, f"HTTP {answer.status}", "answer too large")]
    ours, theirs = _reading(answer), _reading(reply.answer)
    return [] if ours == theirs else differing(ours, theirs)


def _reading(answer: Answer) -> Reading:
    kind = answer.header(b"content-type").decode("latin-1").lower()
    encoding = answer.header(b"content-encoding").decode("latin-1").lower()
    return Reading(answer.status, kind, encoding, bytes(answer.body))
