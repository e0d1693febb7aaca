"""What clients may wait while an index is built, as people write it: in an objectives file, or for one proof."""

from collections.abc import Mapping

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.judge.checked_table import expect_words, saying_where, text_of
from tailguard.judge.objective import parse_duration_ms
from tailguard.record.migration import WaitLimits
from tailguard.record.part import Json

_KEYS = ("max_wait", "max_p99_growth")


def parse_wait_limits(table: Mapping[str, Json], at: str) -> WaitLimits:
    """Return the limits of a [migrations] table: max_wait = "500ms", max_p99_growth = "100ms".

    Raises UsageError that says `at` what does not parse.
    """
    expect_words(table, _KEYS, at)
    wait, growth = (text_of(table, key, at, "'500ms'") if key in table else None for key in _KEYS)
    with saying_where(at):
        return overlaid(WaitLimits(), wait, growth)


def overlaid(limits: WaitLimits, max_wait: str | None, max_p99_growth: str | None) -> WaitLimits:
    """Return `limits` with what is given in their place. Raises UsageError for what is not a duration above 0."""
    if max_wait is not None:
        limits = replace(limits, max_wait_ms=_wait_ms("max_wait", max_wait))
    if max_p99_growth is not None:
        limits = replace(limits, max_p99_growth_ms=_wait_ms("max_p99_growth", max_p99_growth))
    return limits


def _wait_ms(key: str, text: str) -> float:
    with saying_where(key):
        wait_ms = parse_duration_ms(text)
    if not wait_ms:
        raise UsageError(f"{key} is {text!r}: every lock takes some time; write '500ms'")
    return wait_ms
