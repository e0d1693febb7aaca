"""Numbers as people read them: the one module that formats. Durations are given in ms or s, ratios in ones."""

import math
from datetime import UTC, datetime

_MINUS = "\N{MINUS SIGN}"  # as wide as the plus in a column of numbers
ABSENT = "—"  # what is shown if there is no value

# At three digits, from here on a value rounds up to one of the next unit.
_ONE = 0.9995
_THOUSAND = 999.5
_HUNDRED_S = 99.95  # longer times are shown in minutes
_KIBI = 1023.5

_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def duration_ms(value: float | None) -> str:
    """Three significant digits in the fitting unit: `12.3 µs`, `4.56 ms`, `789 ms`, `1.23 s`, `2 min 5 s`."""
    if value is None or math.isnan(value):
        return ABSENT
    if value < 0:
        return "-" + duration_ms(-value)
    if 0 < value < _ONE:
        return f"{significant(value * 1e3)} µs"
    if value < _THOUSAND:
        return f"{significant(value)} ms"
    return duration_s(value / 1e3)


def duration_s(value: float | None) -> str:
    """Seconds in the fitting unit: `71 ms`, `5.4 s`, `2 min 5 s`, `1 h 2 min`."""
    if value is None or math.isnan(value):
        return ABSENT
    if value < _ONE:
        return duration_ms(value * 1e3)
    if value < _HUNDRED_S:
        return f"{significant(value)} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def limit_ms(value: float) -> str:
    """A limit as its author wrote it: `215 ms`, `5000 ms`, `0.5 ms`."""
    return f"{value:.12g} ms"


def ratio(value: float | None) -> str:
    """A fraction of one as a percentage: `0 %`, `0.42 %`, `12.5 %`, `100 %`."""
    if value is None or math.isnan(value):
        return ABSENT
    return f"{per_cent(value)} %"


def signed_percent(share: float) -> str:
    """A change as per cent of what it was, with its sign: 0.032 is +3.2 %."""
    return _signed(share, "%")


def signed_points(share: float) -> str:
    """A difference of two shares in points of a hundred, with its sign: 0.005 is +0.5 points."""
    return _signed(share, "points")


def _signed(share: float, unit: str) -> str:
    digits = per_cent(abs(share))
    sign = "" if digits == "0" else _MINUS if share < 0 else "+"
    return f"{sign}{digits} {unit}"


def per_cent(share: float) -> str:
    """A fraction of one in per cent: three digits, or more if it would be rounded to 100 otherwise."""
    short, shown = 1 - abs(share), significant(share * 100)
    if short > 0 and shown.endswith("100"):
        return significant(share * 100, 1 - math.floor(math.log10(short)))
    return shown


def slope_per_hour(value: float | None, unit: str) -> str:
    """A slope in its unit, or as a share if that is "%": `1.25 MB/h`, `0.3 %/h`."""
    if value is None or math.isnan(value):
        return ABSENT
    return f"{significant(value * 100 if unit == '%' else value)} {unit}/h"


def times(value: float | None) -> str:
    """A factor: 1.05 or 102 with the times sign."""
    return (
        ABSENT
        if value is None or not math.isfinite(value)
        else f"{significant(value)}\N{MULTIPLICATION SIGN}"
    )


def count(value: int | None) -> str:
    """A number of things, its thousands apart: `68,726`."""
    return ABSENT if value is None else f"{value:,}"


def byte_size(value: float | None) -> str:
    """Bytes in binary units: `0 B`, `64 KiB`, `2.81 MiB`."""
    if value is None:
        return ABSENT
    power = 0
    while abs(value) >= _KIBI and power < len(_BYTE_UNITS) - 1:
        value, power = value / 1024, power + 1
    return f"{significant(value)} {_BYTE_UNITS[power]}"


def utc(instant: datetime) -> str:
    """Return `2026-11-21T10:00:00Z`."""
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def significant(value: float, digits: int = 3) -> str:
    """`digits` significant digits without trailing zeros or an exponent: `0.042`, `4.5`, `123`, `4,560`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    text = f"{rounded:,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
