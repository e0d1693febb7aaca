"""The chart library in a process of its own: if memory is short, its engine ends the process that it runs in."""

import atexit
import functools
import json

from tailguard.base.errors import UsageError
from tailguard.base.piped_process import PipedProcess
from tailguard.record.part import Json

MODULE = "tailguard.report.charts.drawing_process"
_ENDS_WITHIN_S = 5.0  # whoever closes its output is ending


def start() -> None:
    """Start the process, whose engine takes half a second to be ready; other things can be done meanwhile."""
    _process()


def svg_of(spec: Json) -> str:
    """Return a chart in Vega-Lite as SVG. Raises UsageError if the library ended, ValueError for a wrong chart."""
    return _asked(spec)


def chart_library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, which sets `window.vegaEmbed`. Raises UsageError too."""
    return _asked(None)


def _asked(question: Json) -> str:
    process = _process()
    try:
        process.send(json.dumps(question).encode())
        answer = process.read()
    except BrokenPipeError:
        answer = b""
    if not answer:
        _process.cache_clear()
        ended = process.ended(_ENDS_WITHIN_S) or "does not answer"
        raise UsageError(
            f"Charts cannot be drawn: their library {ended}, as it does if memory is short. Give more"
            " (`ulimit -v unlimited`). The run is saved: `tailguard report` writes its report again."
        )
    said = json.loads(answer)
    if "refused" in said:
        raise ValueError(said["refused"])
    text: str = said["text"]
    return text


@functools.cache
def _process() -> PipedProcess:
    """Start it when it is first needed, for as long as we live."""
    process = PipedProcess(MODULE)
    process.__enter__()
    atexit.register(process.__exit__, None, None, None)
    return process
