"""What `tailguard run --replay FILE` plays: the recording as its suite, and its times as the load."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.config.option import OptionValue
from tailguard.config.suite_table import FILE_NAME, SuiteTable
from tailguard.http.recorded.format import read_recording

# Requests of a replay that may be on their way at once, each in a thread.
_AT_ONCE = 64
# What a slow service is given beyond the recording's own length.
_MORE_S = 60.0


def replayed(
    file: str, speed: float, names: Sequence[str], given: Mapping[str, OptionValue]
) -> tuple[SuiteTable, dict[str, OptionValue]]:
    """Return the suite of a recording and the load that it is: all of it, whatever is decided before its end.

    Raises UsageError for what is not one, beside scenarios or a load of another kind, and without a target.
    """
    if names or "scenarios" in given or any(key.startswith("load.") for key in given):
        raise UsageError("--replay is a whole run: give no scenario, --rate or --duration beside it.")
    if "target.url" not in given:
        raise UsageError("--replay needs to know where to: give --target http://host:port.")
    path = Path(file).resolve()
    requests = read_recording(path)
    count, seconds = len(requests), (requests[-1].at_s - requests[0].at_s) / speed
    load: dict[str, OptionValue] = {
        "schedule": "recorded",
        "recording": str(path),
        "speed": speed,
        "rate_per_s": max(count / max(seconds, 1.0), 0.001),
        "workers": _AT_ONCE,
        "warmup": 0,
        "min_samples": count,
        "max_samples": count,
        "max_seconds": seconds + _MORE_S,
    }
    return SuiteTable(path.parent / FILE_NAME, recording=path), {
        f"load.{key}": each for key, each in load.items()
    }
