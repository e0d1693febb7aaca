"""Where the time of a scenario went: the server's statements, and what remains for client and application."""

from collections.abc import Iterator

from tailguard.record.scenario import (
    DatabaseTime,
    ServerTime,
    ServerTimeAbsent,
    ServerTimeRejected,
    StatementCosts,
)
from tailguard.report.views import numbers


def absent_of(found: DatabaseTime) -> str:
    """Say why there is nothing to show; "" if there is."""
    match found:
        case ServerTime():
            return ""
        case ServerTimeAbsent():
            return f"absent: {found.why}"
        case ServerTimeRejected():
            return f"rejected: {found.why}"


def share_of(found: ServerTime) -> float | None:
    """The server's share of the timed steps; None if it cannot be told."""
    if found.remainder_ms is None or not found.service_ms:
        return None
    return found.server_ms / found.service_ms


def remainder_of(found: ServerTime) -> str:
    """What is left for client and application, in ms and as a share."""
    share = share_of(found)
    if share is None:
        return "none to tell: more statements ran than the timed steps"
    return f"{numbers.ms(found.remainder_ms)} ({numbers.percent(1 - share)})"


def basis_of(found: ServerTime) -> str:
    """What was counted."""
    return (
        f"{numbers.count(found.samples)} timed steps, {numbers.ms(found.service_ms)} of service time in all"
    )


def statements_of(found: ServerTime) -> Iterator[tuple[str, StatementCosts]]:
    """Yield each statement, on one line, with its costs; the others last."""
    for statement in found.statements:
        yield " ".join(statement.text.split()), statement
    if found.others is not None:
        yield "all other statements", found.others


def each_of(costs: StatementCosts) -> str:
    """The time of one execution."""
    return numbers.ms(costs.exec_ms / costs.calls) if costs.calls else ""
