"""Time stamps of any form as numbers that give an order."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.formats.content import Cells

_DATES = ("%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%y/%m/%d")
_CLOCKS = ("%H:%M:%S.%f", "%H:%M:%S,%f", "%H:%M:%S", "%H:%M")


def stamps(cells: Cells, remedy: str = "") -> NDArray[np.float64]:
    """Return numbers, ISO 8601 or dates in one of the usual forms as numbers.

    If a form reads them all in two ways that give different orders, or none reads them, UsageError says the `remedy`.
    """
    try:
        return np.asarray(pc.cast(cells, pa.float64()), np.float64)
    except pa.ArrowInvalid:
        text = pd.Series(cells.to_pylist(), dtype=str)
    found = [read for form in ("ISO8601", *_forms()) if (read := _read(text, form)) is not None]
    if not found:
        raise UsageError(f"{_first_unread(text)!r} is not a time stamp that can be read{remedy}")
    first = np.argsort(found[0], kind="stable")
    if any((np.argsort(other, kind="stable") != first).any() for other in found[1:]):
        raise UsageError(f"{text.iloc[0]!r} may be day or month first{remedy}")
    return found[0]


def _forms() -> list[str]:
    return [f"{date} {clock}" for date in _DATES for clock in _CLOCKS]


def _read(text: "pd.Series[str]", form: str) -> NDArray[np.float64] | None:
    try:
        if form != "ISO8601":
            pd.to_datetime(text.iloc[:1], format=form)  # the first one tells most forms apart
        found = pd.to_datetime(text, utc=True, format=form)
        return np.asarray(found.astype("int64"), np.float64)
    except (ValueError, OverflowError):
        return None


def _first_unread(text: "pd.Series[str]") -> str:
    numbers = pd.to_numeric(text, errors="coerce")
    at = int(numbers.isna().to_numpy().argmax()) if numbers.notna().any() else 0
    return str(text.iloc[at])
