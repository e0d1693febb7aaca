"""Gatling's simulation.log as text: every REQUEST has its start, end and OK or KO, whatever comes before them."""

import numpy as np

from tailguard.base.errors import UsageError
from tailguard.formats.content import Options, Rows, names_of, texts
from tailguard.formats.format import Format

_STATUSES = ("OK", "KO")
# Before the status of a request: its name, start and end.
_BEFORE = 3
EXAMPLE = (
    "RUN\texample.Basic\tbasic\t1700000000000\t \t3.9.5\n"
    "REQUEST\t\tGET /cart\t1700000000000\t1700000000084\tOK\t \n"
    "REQUEST\tbuy\tGET /pay\t1700000000090\t1700000000166\tOK\t \n"
    "REQUEST\t\tGET /cart\t1700000000170\t1700000000172\tKO\tstatus.find.is(200), but actually found 503\n"
)


def _read(text: str, options: Options) -> Rows:
    found = [line.split("\t") for line in text.splitlines() if line.startswith("REQUEST\t")]
    requests, skipped = [], []
    for number, fields in enumerate(found, 1):
        try:
            requests.append(_request(fields))
        except ValueError:
            wrong = f"request {number} has no start, end and OK or KO: {' '.join(fields)[:80]}"
            if number < len(found) or text.endswith("\n"):
                if not options.skip_bad_rows:
                    raise UsageError(f"{wrong}; mend it, or leave it out with --skip-bad-rows") from None
                skipped.append(wrong)
    names, starts, ends, ok = zip(*requests, strict=True) if requests else ((), (), (), ())
    return Rows(
        np.array(ends, float) - np.array(starts, float),
        unit="ms",
        failed=~np.array(ok, bool),
        names=names_of(texts(names)),
        times=np.array(starts, float),
        skipped=tuple(skipped),
    )


def _request(fields: list[str]) -> tuple[str, int, int, bool]:
    """Older versions have a user's number before the groups: count from the status."""
    at = next((i for i, field in enumerate(fields) if i > _BEFORE and field in _STATUSES), 0)
    name, start, end = fields[at - _BEFORE : at] if at else ("", "", "")
    groups = fields[at - _BEFORE - 1] if at > _BEFORE + 1 else ""
    return " / ".join(part for part in (groups, name) if part), int(start), int(end), fields[at] == "OK"


FORMAT = Format[str](
    title="Gatling's simulation.log (text, up to 3.9)",
    made_by="gatling.sh (results/*/simulation.log)",
    known_by="a first line that begins with RUN, between tabs",
    unit="ms",
    failed="KO",
    names="the groups and the request's name",
    example=EXAMPLE,
    latencies_ms=(84, 76),
    fits=lambda text: text.startswith(("RUN\t", "REQUEST\t", "ASSERTION\t")),
    read=_read,
)
