"""Request rates per caller, as the contract has them: lifted unless an environment variable sets one."""

import math
import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SCOPES = ("anon", "user", "registration_write")  # the contract's scopes that our routes fall under
SECONDS = {
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86400,
}  # a rate's period is told by its first letter: min, minute, m
CALLERS_KEPT = 10_000  # histories held at once; the least recently seen caller is forgotten first


class RateError(ValueError):
    """A rate that cannot be read; names the variable, the value and the form it should have."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in any span of `period_s` seconds."""

    requests: int
    period_s: int

    @classmethod
    def parse(cls, text: str, variable: str) -> "Rate":
        """Read `100/hour`, `90/min`, `1000000/m`. Raises RateError."""
        match = re.fullmatch(r"\s*(\d+)\s*/\s*([smhd])[a-z]*\s*", text)
        if match is None or int(match[1]) == 0:
            raise RateError(f"{variable}={text!r} is not a rate: write for example 100/hour or 90/min")
        return cls(int(match[1]), SECONDS[match[2]])


class Throttle:
    """Counts requests per scope and caller in a sliding window. Safe to call from any thread."""

    def __init__(self, rates: Mapping[str, Rate], now_s: Callable[[], float] = time.monotonic) -> None:
        self._rates = dict(rates)
        self._now_s = now_s
        self._seen: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Throttle":
        """Rates from `THROTTLE_<SCOPE>_RATE`; a scope without one is not throttled. Raises RateError."""
        variables = {scope: f"THROTTLE_{scope.upper()}_RATE" for scope in SCOPES}
        return cls(
            {scope: Rate.parse(environ[name], name) for scope, name in variables.items() if name in environ}
        )

    def admit(self, scope: str, caller: str) -> int | None:
        """Count one request. None lets it pass; else the whole seconds after which to try again."""
        rate = self._rates.get(scope)
        if rate is None:
            return None
        with self._lock:
            now = self._now_s()
            history = self._history(scope, caller)
            while history and history[0] <= now - rate.period_s:
                history.popleft()
            if len(history) >= rate.requests:
                return max(1, math.ceil(history[0] + rate.period_s - now))
            history.append(now)
            return None

    def _history(self, scope: str, caller: str) -> deque[float]:
        history = self._seen.setdefault((scope, caller), deque())
        self._seen.move_to_end((scope, caller))
        if len(self._seen) > CALLERS_KEPT:
            self._seen.popitem(last=False)
        return history
