"""What FastAPI and urllib3 would cost in place of our own code, each in turns with it, in one run (decision 7).

Run it: python -m benchmarks.libraries [--requests 2000]. A coin transfer on a real database, as an ASGI request without
a socket: through the reference's own operation and through a FastAPI route of the same checks. And requests to a small
server in another process: by `HttpConnections` and by urllib3. A library is taken within 10 % of ours: of the p50 of a
request for FastAPI, of the CPU of the client for urllib3.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

import urllib3
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from reference.database import create_tables
from reference.errors import Invalid, PlatformError, Throttled
from reference.platform import DeltaCrown
from reference.seed import SeedSize, seed_platform
from reference.web import economy
from reference.web.app import create_app
from reference.web.authentication import Authentication
from reference.web.correlation import CorrelationId
from reference.web.endpoint import permit, response_of
from reference.web.operation import Call, Caller
from reference.web.refusal import reply_to
from reference.web.throttle import Throttle
from tailguard.http import HttpConnections
from tailguard.postgres.database import open_database

SIZE = SeedSize(
    users=200, matches_per_tournament=40, awards=20, wallets=60, ledger_rows=1_500, moderation_rows=1_000
)
PATH = "/api/economy/transfers/"
TURN = 25  # requests of one side before the other's turn
WARM = 4  # turns left out
SERVER = """
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
"""

Id = Annotated[int, Field(ge=1, le=2**63 - 1, strict=True)]
Words = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class TransferBody(BaseModel):
    from_wallet: Id
    to_wallet: Id
    amount: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
    idempotency_key: Words
    reason: Words = "p2p"


class TransferMade(BaseModel):
    from_wallet: int
    to_wallet: int
    amount: int
    from_balance: int
    to_balance: int
    debit_id: int
    credit_id: int
    retries: int
    idempotency_key: str
    replayed: bool


def in_fastapi(platform: DeltaCrown) -> CorrelationId:
    """One route with the checks of ours: token, caller, throttle, body, refusals, a documented answer."""
    app = FastAPI(redirect_slashes=False)
    authenticate, throttle = Authentication(platform.tokens, platform.database), Throttle({})

    def caller(request: Request) -> Caller:
        found = authenticate(request.headers.get("authorization", ""))
        permit(TRANSFER, found)
        assert found is not None
        if (wait_s := throttle.admit("user", str(found.user_id))) is not None:
            raise Throttled("too many requests", details={"retry_after_s": wait_s})
        return found

    @app.exception_handler(PlatformError)
    def refused(request: Request, error: PlatformError) -> Response:
        return response_of(reply_to(error, request.state.correlation_id))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return response_of(reply_to(Invalid(str(error)), request.state.correlation_id))

    @app.post(PATH, status_code=201, response_model=TransferMade)
    def transfer(
        body: TransferBody, response: Response, user: Annotated[Caller, Depends(caller)]
    ) -> dict[str, Any]:
        reply = economy.transfer(platform, Call(user, {}, {}, {}, body.model_dump()))
        response.status_code = reply.status
        return reply.body

    return CorrelationId(app)


TRANSFER = next(each for each in economy.OPERATIONS if each.path == PATH)


async def ask(app: Any, token: str, body: bytes) -> int:
    """Send one request into an ASGI application; return the status."""
    statuses: list[int] = []
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": PATH,
        "raw_path": PATH.encode(), "query_string": b"", "root_path": "", "scheme": "http", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


async def in_turns(
    requests: int, ways: dict[str, Callable[[int], Awaitable[int]]], expected: int
) -> dict[str, tuple[float, float]]:
    """p50 in ms and CPU of this process in ms for each request, of each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, float] = dict.fromkeys(ways, 0.0)
    chance, number = random.Random(1), 0
    for turn in range(-WARM, requests // TURN):
        for name in chance.sample(list(ways), len(ways)):
            used = time.process_time()
            for _ in range(TURN):
                number += 1
                began = time.perf_counter()
                assert await ways[name](number) == expected
                if turn >= 0:
                    times[name].append(time.perf_counter() - began)
            cpu[name] += (time.process_time() - used) * (turn >= 0)
    return {
        name: (statistics.median(each) * 1e3, cpu[name] / len(each) * 1e3) for name, each in times.items()
    }


def show(title: str, found: dict[str, tuple[float, float]]) -> None:
    (our_p50, our_cpu), *_ = found.values()
    print(title)
    for name, (p50, cpu) in found.items():
        print(
            f"  {name:18} p50 {p50:7.3f} ms ({p50 / our_p50:.2f}x)  CPU {cpu:7.3f} ms ({cpu / our_cpu:.2f}x)"
        )


def fastapi(requests: int) -> None:
    with open_database() as database:
        create_tables(database.conninfo)
        seeded = seed_platform(database.conninfo, size=SIZE)
        platform = DeltaCrown(database.conninfo, secret="only-for-this-" + "x" * 32)
        one, two = seeded.wallets[1], seeded.wallets[2]
        token = platform.tokens.mint(one)

        def way(app: Any) -> Callable[[int], Awaitable[int]]:
            def start(number: int) -> Awaitable[int]:
                body = {"from_wallet": one, "to_wallet": two, "amount": 1, "idempotency_key": f"k{number}"}
                return ask(app, token, json.dumps(body).encode())

            return start

        ways = {"our operation": way(create_app(platform)), "FastAPI": way(in_fastapi(platform))}
        show("a transfer, with its database", asyncio.run(in_turns(requests, ways, 201)))


def connections(requests: int) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        target, body, headers = urlsplit(url), b'{"amount":1}', {"Content-Type": "application/json"}
        ours, theirs = HttpConnections(), urllib3.PoolManager(maxsize=1, retries=False)

        async def by_ours(_: int) -> int:
            return ours.exchange(target, "POST", "/a", body, headers)[0]

        async def by_urllib3(_: int) -> int:
            return theirs.request("POST", f"{url}/a", body=body, headers=headers).status

        ways = {"HttpConnections": by_ours, "urllib3": by_urllib3}
        show("an exchange of 12 bytes", asyncio.run(in_turns(requests, ways, 200)))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    asked = parser.parse_args()
    connections(asked.requests)
    fastapi(asked.requests)
