"""Defects on request: each can be switched on to see whether a guard or an invariant catches it. All off by default."""

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from reference.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

VARIABLE = "TAILGUARD_FAULTS"
SWITCHES = ("crossing_deadlock", "number_collision", "capacity", "state_guard", "event_before_commit")
SLOWINGS = ("delay_ms", "delay_pct", "tail", "error_rate")
OPERATIONS = (
    "registration",
    "result_submission",
    "websocket_broadcast",
    "economy_transfer",
    "certificate_upload",
    "certificate_url",
    "wallet_history",
    "moderation_history",
)

# Between the two locks of a transfer that takes them in the wrong order: the real platform's transfer keeps its
# first lock for about 16 ms, and with less two crossing transfers would hardly ever meet.
CROSSING_GAP_S = 0.016
# Between an event and the commit it announces: long enough for a subscriber to read the old row.
EARLY_EVENT_GAP_S = 0.005
# A thread that sleeps wakes 0.1 ms late, later on a busy machine, and even sleep(0) is a nap: such waits made 10 % of a
# 1 ms operation 12 to 20 %. So the end of a delay is spent busy, as slower code would be. It keeps the interpreter's
# lock meanwhile, hence no longer than this: longer delays other threads, shorter lets wake-ups add to the delay.
BUSY_S = 0.001


@dataclass(frozen=True, slots=True)
class Slowing:
    """One way to be slow or to fail. `amount` is ms, a percentage, a factor or a share, as its kind says."""

    kind: str
    amount: float
    operation: str | None = None
    share: float = 1.0  # of the operations, drawn at random

    def __str__(self) -> str:
        """Write it as it is given."""
        amount = f"{self.share:g}x{self.amount:g}" if self.kind == "tail" else f"{self.amount:g}"
        return f"{self.kind}={amount}" + (f"@{self.operation}" if self.operation else "")

    def delay_s(self, took_s: float) -> float:
        """Return how much longer an operation that took `took_s` shall take."""
        match self.kind:
            case "delay_ms":
                return self.amount / 1e3
            case "delay_pct":
                return took_s * self.amount / 100
            case "tail":
                return took_s * (self.amount - 1)
            case _:
                return 0.0


@dataclass(frozen=True, slots=True)
class Faults:
    """The defects that are switched on."""

    switches: frozenset[str] = frozenset()
    slowings: tuple[Slowing, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read a comma list such as `capacity,delay_ms=50@registration,tail=0.03x5`. Raises ValueError naming it."""
        words = [word.strip() for word in text.split(",") if word.strip()]
        switches = frozenset(word for word in words if word in SWITCHES)
        return cls(switches, tuple(_slowing(word) for word in words if word not in SWITCHES))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Faults":
        """Read the variable TAILGUARD_FAULTS; nothing is on where it is not set. Raises ValueError naming it."""
        try:
            return cls.parse(environ.get(VARIABLE, ""))
        except ValueError as error:
            raise ValueError(f"{VARIABLE}: {error}") from None

    def has(self, switch: str) -> bool:
        if switch not in SWITCHES:
            raise ValueError(f"no such fault: {switch!r}")
        return switch in self.switches

    def names(self) -> list[str]:
        """Return what is on, as written, for a run's record."""
        return sorted(self.switches) + [str(slowing) for slowing in self.slowings]

    def around(self, operation: str, call: Callable[P, T], seed: int = 1) -> Callable[P, T]:
        """Return `call` itself, or where something slows the operation, a slower or failing one."""
        slowings = [slowing for slowing in self.slowings if slowing.operation in (None, operation)]
        if not slowings:
            return call
        chance = random.Random(seed)  # noqa: S311 - which operations are slow shall be repeatable, not secret

        def slowed(*args: P.args, **kwargs: P.kwargs) -> T:
            drawn = [slowing for slowing in slowings if chance.random() < slowing.share]
            if any(slowing.kind == "error_rate" for slowing in drawn):
                raise Unavailable(
                    f"{operation} failed on purpose: a fault is switched on", code="FAULT_INJECTED"
                )
            if not drawn:
                return call(*args, **kwargs)
            came_s = time.monotonic()
            fixed_s = sum(slowing.delay_s(0.0) for slowing in drawn)
            # Before the call what is known before it: an event must leave later, not its sender return later.
            _wait_until_s(came_s + fixed_s)
            began_s = time.monotonic()
            try:
                return call(*args, **kwargs)
            finally:
                # From when we came, so that what this function costs is part of the delay, not more of it.
                took_s = time.monotonic() - began_s
                _wait_until_s(came_s + took_s + sum(slowing.delay_s(took_s) for slowing in drawn))

        return slowed


def _slowing(word: str) -> Slowing:
    setting, _, operation = word.partition("@")
    kind, _, amount = setting.partition("=")
    if kind not in SLOWINGS:
        known = ", ".join((*SWITCHES, *(f"{name}=…" for name in SLOWINGS)))
        raise ValueError(f"unknown fault {word!r}; known are {known}")
    if operation and operation not in OPERATIONS:
        raise ValueError(f"unknown operation in {word!r}; known are {', '.join(OPERATIONS)}")
    share, _, factor = amount.partition("x") if kind == "tail" else ("1", "", amount)
    try:
        slowing = Slowing(kind, float(factor), operation or None, float(share))
    except ValueError:
        raise ValueError(
            f"{word!r} needs a number, such as delay_ms=50, delay_pct=10, tail=0.03x5 or error_rate=0.02"
        ) from None
    if kind == "error_rate":
        slowing = Slowing(kind, slowing.amount, slowing.operation, slowing.amount)
    _check(slowing, word)
    return slowing


def _check(slowing: Slowing, word: str) -> None:
    least = 1.0 if slowing.kind == "tail" else 0.0
    if not least <= slowing.amount < float("inf"):
        raise ValueError(f"{word!r}: the amount must be a finite number of at least {least:g}")
    if not 0.0 <= slowing.share <= 1.0:
        raise ValueError(f"{word!r}: a share lies between 0 and 1")


def _wait_until_s(due_s: float) -> None:
    while (left_s := due_s - time.monotonic()) > BUSY_S:
        time.sleep(left_s - BUSY_S)
    while time.monotonic() < due_s:
        pass
