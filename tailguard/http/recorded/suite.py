"""A recording as a suite: the scenario `replay`, whose n-th iteration sends the n-th recorded request."""

from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urlsplit

from tailguard.engine.iteration import Iteration
from tailguard.http.connections import Exchange
from tailguard.http.recorded.format import RecordedRequest, read_recording
from tailguard.http.recorded.routes import Routes, route_of
from tailguard.suite.discovery import Part
from tailguard.suite.run import Target
from tailguard.suite.scenario import Scenario, scenario


@dataclass(frozen=True, slots=True)
class Replayed:
    """An answer whose status is not the recorded one: from 400 on it is an error."""

    status: int
    headers: HTTPMessage
    content: bytes


def replayed_part(file: Path) -> Part:
    """Return the suite of a recording. Raises UsageError for what is not one."""
    requests, routes = read_recording(file), Routes()
    steps = [routes.number(route_of(each.method.encode(), each.target.encode())) for each in requests]

    def replay(it: Iteration, target: Target, connections: Exchange) -> None:
        number = it.number % len(requests)
        it.step(routes.names[steps[number]], _send, target, connections, requests[number])

    made: Scenario[...] = scenario(title=f"Replay of {file.name}", steps=routes.names)(replay)
    return Part(__name__, [made], {})


def _send(target: Target, connections: Exchange, request: RecordedRequest) -> Replayed | None:
    """Return the answer, or None if its status is as it was when it was recorded."""
    body = request.content or None
    headers = dict(request.headers)
    status, got, content = connections.exchange(
        urlsplit(target.url), request.method, request.target, body, headers
    )
    return None if status == request.status else Replayed(status, got, content)
