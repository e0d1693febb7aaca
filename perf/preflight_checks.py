"""Preflight: whether a target can be load-tested, found out with a few requests, in the order in which they depend."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg

from perf.mapping.login import log_in
from perf.mapping.mapped import MappedPlatform, PoolExhaustedError, Throttled
from perf.mapping.pools import Pool, PooledRows, read_pools
from perf.mapping.target import STEPS, Target, tls_of
from perf.platform import RefusedError
from tailguard.base.errors import TailguardError
from tailguard.http.connections import HttpConnections
from tailguard.http.remote_target import Credential
from tailguard.websocket.subscribers import BroadcastLostError, Subscribers

# A welcome later than this, before any load, means that subscribers will time out under it.
WELCOME_S = 2.0
EVENT_S = 5.0
# Under this many free connections a handful of new workers of the target would already be refused.
LEAST_CONNECTIONS = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: its state, and what was seen or is to be done."""

    name: str
    state: Literal["ok", "skip", "fail"]
    told: str


class Preflight:
    """Asks a target a few things. It writes what one turn of each scenario writes."""

    def __init__(self, target: Target, host: str, dsn: str | None, burst: int) -> None:
        """Look at `host` as `target` describes it; `dsn` is its database, if one may look there."""
        self._target, self._host, self._dsn, self._burst = target, host, dsn, burst

    def run(self) -> Iterator[Check]:
        """Yield each check as it is done; if the target does not live or lets nobody in, the rest is left out."""
        health = self._health()
        yield health
        if health.state == "fail":
            return
        try:
            pools = read_pools(self._target.pools, self._target.folder, self._target.source)
            credentials = log_in(self._target, self._host)
        except TailguardError as error:
            yield Check("log-in", "fail", str(error))
            return
        yield Check("log-in", "ok", f"{len(credentials)} users" if credentials else "none is described")
        platform = MappedPlatform(self._target, self._host, pools, credentials)
        try:
            yield from self._with(platform, pools, credentials)
        finally:
            platform.close()

    def _with(
        self, platform: MappedPlatform, pools: Mapping[str, Pool], credentials: Sequence[Credential]
    ) -> Iterator[Check]:
        rows = PooledRows(pools, 0, 1)
        for step in STEPS:
            yield self._step(step, platform, rows)
        yield self._throttle(credentials)
        yield self._connections()
        yield from self._feed(platform, rows)

    def _health(self) -> Check:
        path = self._target.health or "/"
        try:
            status, _, _ = self._ask(path, {})
        except OSError as error:
            return Check(
                "health", "fail", f"{self._host}{path} gives no answer: {error}. Check --host, port and TLS."
            )
        good = status == 200 if self._target.health else status < 500  # noqa: PLR2004  # HTTP's own
        return Check("health", "ok" if good else "fail", f"{path} answered {status}")

    def _step(self, step: str, platform: MappedPlatform, rows: PooledRows) -> Check:
        name = f"step {step}"
        if step not in self._target.steps:
            return Check(name, "skip", self._target.absent.get(step, "not in the mapping"))
        try:
            self._call(step, platform, rows)
        except RefusedError as refused:
            return Check(name, "ok", f"refused cleanly, as one that was done before: {refused}")
        except Throttled as throttled:
            return Check(name, "fail", str(throttled))
        except (PoolExhaustedError, TailguardError, OSError, KeyError, IndexError) as error:
            return Check(name, "fail", f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001  # a wrong status, or an answer that is not what the mapping says
            expected = sorted(self._target.steps[step].expect)
            return Check(
                name, "fail", f"{error}, expected {expected}: check path, body and log-in in the mapping"
            )
        return Check(name, "ok", "answered as expected")

    def _call(self, step: str, platform: MappedPlatform, rows: PooledRows) -> None:
        match step:
            case "register":
                platform.register(rows.open_tournaments[-1], rows.users[-1])
            case "submit" | "match_scores":
                match_id = rows.matches_of("matches")[0]
                if step == "match_scores":
                    platform.match_scores(match_id)
                else:
                    platform.submit_result(match_id, rows.participants(match_id)[0], 2, 1)
            case "transfer":
                platform.transfer(rows.wallets[0], rows.wallets[1], 1, f"preflight-{time.time_ns()}")
            case "upload":
                self._certificate = platform.upload_certificate(rows.awards[0], b"<svg/>", "participant").id
            case _:
                platform.read_presigned(self._certificate)

    def _throttle(self, credentials: Sequence[Credential]) -> Check:
        """Ask many times at once: a limiter that answers now answers under load."""
        path = self._target.health or "/"
        headers = credentials[0].headers if credentials else {}
        with ThreadPoolExecutor(8) as clients:
            statuses = [
                each[0] for each in clients.map(lambda _: self._ask(path, headers), range(self._burst))
            ]
        throttled = sum(status in self._target.throttled for status in statuses)
        if throttled:
            return Check(
                "burst",
                "fail",
                f"{throttled} of {self._burst} requests were throttled: lift the target's rates",
            )
        return Check("burst", "ok", f"{self._burst} requests, none throttled")

    def _connections(self) -> Check:
        if not self._dsn:
            return Check("connections", "skip", "no --dsn was given")
        try:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                row: Any = connection.execute(
                    "SELECT current_setting('max_connections')::int, count(*) FROM pg_stat_activity "
                    "WHERE backend_type = 'client backend'"
                ).fetchone()
        except psycopg.Error as error:
            return Check("connections", "fail", f"the database cannot be asked: {type(error).__name__}")
        most, used = row
        told = f"{used} of {most} connections in use"
        if most - used < LEAST_CONNECTIONS:
            remedy = (
                "kept connections under ASGI use one a thread: set the connection age to 0, or add a pooler"
            )
            return Check("connections", "fail", f"{told}; {remedy}")
        return Check("connections", "ok", told)

    def _feed(self, platform: MappedPlatform, rows: PooledRows) -> Iterator[Check]:
        if not self._target.feed:
            yield Check("WebSocket", "skip", self._target.absent.get("feed", "not in the mapping"))
            return
        tournament = rows.live_tournaments[0]
        try:
            began_s = time.monotonic()
            with Subscribers(platform.feed(tournament), 1, start_timeout_s=2 * WELCOME_S) as subscribers:
                took_s = time.monotonic() - began_s
                state: Literal["ok", "fail"] = "ok" if took_s < WELCOME_S else "fail"
                yield Check("WebSocket", state, f"welcome after {took_s:.2f} s, limit {WELCOME_S:g} s")
                yield self._event(platform, rows, subscribers, tournament)
        except TailguardError as error:
            yield Check("WebSocket", "fail", str(error))

    def _event(
        self, platform: MappedPlatform, rows: PooledRows, subscribers: Subscribers, tournament: Any
    ) -> Check:
        match_id = rows.matches_of(tournament)[0]
        ticket = subscribers.expect(match_id)
        try:
            platform.submit_result(match_id, rows.participants(match_id)[0], 3, 1)
            ticket.wait(EVENT_S)
        except BroadcastLostError as error:
            return Check("event", "fail", f"{error}: check event_type and key_path of [target.feed]")
        except Exception as error:  # noqa: BLE001  # whatever the submission met, no event can follow it
            return Check("event", "fail", f"{type(error).__name__}: {error}")
        return Check("event", "ok", "one submit was seen by its subscriber")

    def _ask(self, path: str, headers: Mapping[str, str]) -> tuple[int, Any, bytes]:
        connections = HttpConnections(tls_of(self._target))
        try:
            return connections.exchange(
                urlsplit(self._host), "GET", path, None, {**self._target.headers, **headers}
            )
        finally:
            connections.close()
