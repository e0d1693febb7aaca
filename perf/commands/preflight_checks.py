"""Preflight: whether a target can be load-tested, found out with a few requests, in the order in which they depend."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, cast
from urllib.parse import urlsplit

import psycopg

import tailguard as tg
from perf.certificate_pool import read_back
from perf.mapping.mapped import MappedPlatform, Throttled, UnexpectedStatusError
from perf.mapping.opened import MappedTarget, open_target
from perf.mapping.target import POOL_OF_STEP, STEPS, TargetMapping
from perf.offer import Rows
from perf.platform import RefusedError, RowId
from tailguard.http import Answered, HttpConnections
from tailguard.kit import Check
from tailguard.postgres import connect, for_session
from tailguard.websocket import BroadcastLostError, Subscribers

# A welcome later than this, before any load, means that subscribers will time out under it.
WELCOME_S = 2.0
EVENT_S = 5.0
# Under this many free connections a handful of new workers of the target would already be refused.
LEAST_CONNECTIONS = 20


UPLOADED = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


class Preflight:
    """Asks a target a few things. It writes what one iteration of each scenario writes, and results over and over."""

    def __init__(self, mapping: TargetMapping, host: str, dsn: str | None, burst: int) -> None:
        """Look at `host` as `mapping` describes it; `dsn` is its database, if one may look there."""
        self._mapping, self._host, self._dsn, self._burst = mapping, host, dsn, burst
        self._connections = HttpConnections(mapping.tls.context())
        self._certificate: RowId = ""
        self._key = f"preflight-{time.time_ns()}"

    def run(self) -> Iterator[Check]:
        """Yield each check as it is done; if the target does not live or lets nobody in, the rest is left out."""
        try:
            health = self._health()
            yield health
            if health.state != "fail":
                yield from self._logged_in()
        finally:
            self._connections.close()

    def _logged_in(self) -> Iterator[Check]:
        try:
            target = open_target(self._mapping, self._host)
        except tg.TailguardError as error:
            yield Check("log-in", "fail", str(error))
            return
        users = f"{len(target.credentials)} users" if target.credentials else "none is described"
        yield Check("log-in", "ok", users)
        rows = target.offer().rows
        with target.platform(self._connections, lambda *_: None) as platform:
            for step in STEPS:
                yield self._step(step, platform, rows)
            yield from self._bursts(target, platform, rows)
            yield self._database()
            yield from self._feed(platform, rows)

    def _health(self) -> Check:
        path = self._mapping.top.health or "/"
        try:
            answered = self._ask(path, {})
        except OSError as error:
            return Check(
                "health", "fail", f"{self._host}{path} gives no answer: {error}. Check --host, port and TLS."
            )
        status = answered.status
        good = status == 200 if self._mapping.top.health else status < 500  # noqa: PLR2004  # HTTP's own
        return Check(
            "health", "ok" if good else "fail", f"{path} answered {status}" if good else str(answered)
        )

    def _step(self, step: str, platform: MappedPlatform, rows: Rows) -> Check:
        name = f"step {step}"
        if why := self._why_unasked(step):
            return Check(name, "skip", why)
        try:
            self._call(step, platform, rows)
        except RefusedError as refused:
            return Check(name, "ok", f"refused cleanly, as one that was done before: {refused}")
        except Throttled as throttled:
            return Check(name, "fail", str(throttled))
        except UnexpectedStatusError as error:
            expected = ", ".join(map(str, self._mapping.steps.stated()[step].expect))
            return Check(
                name, "fail", f"{error}. Expected {expected}: check path, body and log-in in the mapping"
            )
        except Exception as error:  # noqa: BLE001  # whatever it met is what there is to say
            return Check(name, "fail", f"{type(error).__name__}: {error}")
        return Check(name, "ok", "answered as expected")

    def _why_unasked(self, step: str) -> str:
        if step == "presigned_read" and not self._certificate:
            return self._mapping.why_absent(step) or "nothing was uploaded that it could read"
        return self._mapping.why_unasked(step)

    def _call(self, step: str, platform: MappedPlatform, rows: Rows) -> None:
        match step:
            case "register":
                platform.register(rows.open_tournaments[-1], rows.users[-1])
            case "submit":
                match_id, user = rows.unwatched[0]
                platform.submit_result(match_id, user, 2, 1)
            case "match_scores":
                platform.match_scores(rows.unwatched[0][0])
            case "transfer":
                platform.transfer(rows.wallets[0], rows.wallets[1], 1, self._key)
            case "upload":
                self._certificate = platform.upload_certificate(rows.awards[0], UPLOADED, "participant").id
            case _:
                read_back(platform, self._certificate, UPLOADED)

    def _bursts(self, target: MappedTarget, platform: MappedPlatform, rows: Rows) -> Iterator[Check]:
        """Ask each step many times at once: a limiter that answers now answers under load.

        Uploads are left out, and what may be used once; a transfer's key stays the same.
        """
        once = {name for name, pool in target.pools.items() if pool.once}
        asked = [
            step
            for step in STEPS
            if step != "upload"
            and not self._why_unasked(step)
            and not once & {POOL_OF_STEP.get(step), "users" if step == "register" else None}
        ]
        for step in asked:
            yield self._burst_of(step, partial(self._is_throttled, step, platform, rows))
        if not asked:
            path, headers = self._mapping.top.health or "/", target.credentials[:1]
            sent = headers[0].headers if headers else {}
            yield self._burst_of(
                f"{path} (health only: no step may be asked again and again)",
                lambda: self._ask(path, sent).status in self._mapping.top.throttled,
            )

    def _burst_of(self, name: str, is_throttled: Callable[[], bool]) -> Check:
        with ThreadPoolExecutor(8) as clients:
            throttled = sum(clients.map(lambda _: is_throttled(), range(self._burst)))
        if throttled:
            told = f"{throttled} of {self._burst} requests were throttled: lift the target's rates"
            return Check(f"burst {name}", "fail", told)
        return Check(f"burst {name}", "ok", f"{self._burst} requests of one user, none throttled")

    def _is_throttled(self, step: str, platform: MappedPlatform, rows: Rows) -> bool:
        try:
            self._call(step, platform, rows)
        except Throttled:
            return True
        except Exception:  # noqa: BLE001  # the check of the step has told it
            return False
        return False

    def _database(self) -> Check:
        if not self._dsn:
            return Check("connections", "skip", "no --dsn was given")
        try:
            with connect(for_session(self._dsn, read_only=True)) as connection:
                row = connection.execute(
                    "SELECT pg_catalog.current_setting('max_connections')::int, pg_catalog.count(*)"
                    " FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'"
                ).fetchone()
        except (psycopg.Error, tg.UsageError) as error:
            return Check("connections", "fail", f"the database cannot be asked: {type(error).__name__}")
        assert row is not None
        most, used = cast("tuple[int, int]", row)
        told = f"{used} of {most} connections in use"
        if most - used < LEAST_CONNECTIONS:
            remedy = (
                "kept connections under ASGI use one a thread: set the connection age to 0, or add a pooler"
            )
            return Check("connections", "fail", f"{told}; {remedy}")
        return Check("connections", "ok", told)

    def _feed(self, platform: MappedPlatform, rows: Rows) -> Iterator[Check]:
        if why := self._mapping.why_unasked("feed"):
            yield Check("WebSocket", "skip", why)
            return
        try:
            began_s = time.monotonic()
            with Subscribers(
                platform.feed(rows.watched_tournament), 1, start_timeout_s=2 * WELCOME_S
            ) as subscribers:
                took_s = time.monotonic() - began_s
                state: Literal["ok", "fail"] = "ok" if took_s < WELCOME_S else "fail"
                yield Check("WebSocket", state, f"welcome after {took_s:.2f} s, limit {WELCOME_S:g} s")
                yield self._event(platform, rows, subscribers)
        except tg.TailguardError as error:
            yield Check("WebSocket", "fail", str(error))

    def _event(self, platform: MappedPlatform, rows: Rows, subscribers: Subscribers) -> Check:
        match_id, user = rows.watched[0]
        ticket = subscribers.expect(match_id)
        try:
            platform.submit_result(match_id, user, 3, 1)
            ticket.wait(EVENT_S)
        except BroadcastLostError as error:
            return Check("event", "fail", f"{error}: check event_type and key_path of [target.feed]")
        except Exception as error:  # noqa: BLE001  # whatever the submission met, no event can follow it
            return Check("event", "fail", f"{type(error).__name__}: {error}")
        return Check("event", "ok", "one submit was seen by its subscriber")

    def _ask(self, path: str, headers: Mapping[str, str]) -> Answered:
        sent = {**self._mapping.top.headers, **headers}
        return Answered(path, *self._connections.exchange(urlsplit(self._host), "GET", path, None, sent))
