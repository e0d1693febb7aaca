"""Responses of clients while an index was built or dropped, and in the quiet windows beside that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.engine.quantiles import estimate
from tailguard.record.migration import BuildUnderLoad, Client, ClientImpact, LiveProof
from tailguard.record.samples import OK, Samples

# Around a shorter build, responses are counted over at least this long: few requests meet a build of 10 ms.
LEAST_WINDOW_S = 0.3


@dataclass(frozen=True, slots=True)
class Responses:
    """Responses of one kind of client, in ms, each with whether it failed; and their build's length in s."""

    response_ms: NDArray[np.float64]
    failed: NDArray[np.bool_]
    build_s: float

    def __len__(self) -> int:
        return len(self.response_ms)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each response as a share of its build's length."""
        return self.response_ms / (self.build_s * 1e3)

    @property
    def errors(self) -> int:
        """How many failed."""
        return int(self.failed.sum())

    @property
    def impact(self) -> ClientImpact:
        """What the record keeps of them."""
        return ClientImpact(
            n=len(self),
            errors=self.errors,
            p50_ms=estimate(self.response_ms, 0.5),
            p99_ms=estimate(self.response_ms, 0.99),
            longest_ms=float(self.response_ms.max()) if len(self) else None,
        )


def responses_during(samples: Samples, started_ns: int, seconds: float) -> Responses:
    """Return the responses to those who wanted something while a build ran, in whole or in part.

    Of a build shorter than LEAST_WINDOW_S, also of those just before and after it.
    """
    around_ns = int(max(LEAST_WINDOW_S - seconds, 0) / 2 * 1e9)
    first_ns, last_ns = started_ns - around_ns, started_ns + int(seconds * 1e9) + around_ns
    return _responses(samples, (samples.intended_ns < last_ns) & (samples.ended_ns > first_ns), seconds)


def all_responses(samples: Samples, build_s: float) -> Responses:
    """Return the responses of a window without a build, to be held against builds of `build_s`."""
    return _responses(samples, np.ones(len(samples), np.bool_), build_s)


def quiet_impact(samples: Samples) -> ClientImpact:
    """Return what the record keeps of a window without a build."""
    return all_responses(samples, math.nan).impact  # an impact is not held against any build


@dataclass(frozen=True, slots=True)
class LiveWindows:
    """The windows of one proof under load: the raw samples behind its part of the record.

    Each method raises UsageError if live.parquet lacks a window of the proof.
    """

    proof: LiveProof
    live: Mapping[str, Samples]

    def baseline(self, who: Client) -> Responses:
        """Return the responses without a build, to be held against the shortest one."""
        return all_responses(self.samples("baseline", who), min(one.seconds for one in self.proof.builds))

    def builds(self, who: Client) -> list[Responses]:
        """Return the responses during each build."""
        numbered = enumerate(self.proof.builds, 1)
        return [self._during(f"build_{number}", build, who) for number, build in numbered]

    def control(self, control: BuildUnderLoad, who: Client) -> Responses:
        """Return the responses during the plain statement."""
        return self._during("control", control, who)

    def _during(self, window: str, build: BuildUnderLoad, who: Client) -> Responses:
        return responses_during(self.samples(window, who), build.started_ns, build.seconds)

    def samples(self, window: str, who: Client) -> Samples:
        """Return what one kind of client sent in a window."""
        name = window_name(self.proof.samples, window, who)
        if name not in self.live:
            raise UsageError(
                f"live.parquet has no window {name}: restore the file, or prove the migration again."
            )
        return self.live[name]


def window_name(prefix: str, window: str, who: Client) -> str:
    """Return what the samples of a window are called in live.parquet."""
    return f"{prefix}{window}_{who}"


def _responses(samples: Samples, chosen: NDArray[np.bool_], build_s: float) -> Responses:
    response_ms = (samples.ended_ns - samples.intended_ns)[chosen] / 1e6
    return Responses(response_ms, samples.outcome[chosen] != OK, build_s)
