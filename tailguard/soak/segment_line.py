"""A segment as one line for the terminal."""

from tailguard.base.text_format import count, duration_ms, duration_s
from tailguard.record.samples import ERROR
from tailguard.record.soak.segments import Segment
from tailguard.record.soak.times import quantile_ms, times_of


def segment_line(segment: Segment, seconds: float) -> str:
    """Say what a segment measured, and how much time is left."""
    head, counters = segment.head, segment.counters
    samples = sum(n for key, n in counters.items() if key.kind == "outcome")
    errors = sum(n for key, n in counters.items() if key.kind == "outcome" and key.at == ERROR)
    slowest = max(
        (
            (p95, key.scenario, key.name)
            for key in {key._replace(at=0) for key in counters if key.kind == "time"}
            if (p95 := quantile_ms(times_of(counters, key.scenario, key.name), 0.95)) is not None
        ),
        default=None,
    )
    parts = [
        f"segment {head.number} (fence {head.fence})",
        f"n={count(int(samples))}",
        f"{count(int(errors))} errors",
        f"p95={duration_ms(slowest[0])} {slowest[1]} {slowest[2]}" if slowest else "",
        f"{duration_s(max(seconds - head.ended_s, 0.0))} left",
    ]
    return " · ".join(part for part in parts if part)
