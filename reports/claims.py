"""What is published of the platform, against what a run measured: the gains of two indexes, and the p95 limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from tailguard.kit import ObjectiveVerdict, RunRecord, duration_ms, limit_ms, ratio

SOURCE = "the platform's own report"
# What that says of these two indexes, with neither a plan nor a block count to check it by.
CLAIMED_GAIN = {"idx_tx_wallet_created_desc": 0.67, "idx_moderation_ref_created_desc": 0.72}
PUBLISHED_Q = 0.95  # of the limits: what the objectives say of a p99 is ours alone

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {"duration_ms": duration_ms, "limit_ms": limit_ms, "ratio": ratio}


@dataclass(frozen=True, slots=True)
class Gain:
    """The gain of one index, claimed and measured: medians in ms before and after, on the server and the client."""

    number: str
    slug: str
    claimed: float
    server_ms: tuple[float, float]
    client_ms: tuple[float, float]

    @property
    def server(self) -> float:
        """The share of the server's time that is saved."""
        return _saved(self.server_ms)

    @property
    def client(self) -> float:
        """The share of the client's time that is saved."""
        return _saved(self.client_ms)

    @property
    def sentence(self) -> str:
        """What the measurement says of the claim."""
        verb = "understates" if self.server > self.claimed else "is not reached by"
        stated = f"the gain of {ratio(self.claimed)} according to {SOURCE}"
        return f"{self.number}: {stated} {verb} the server side of this run."


def section(record: RunRecord) -> Markup:
    """Return the section of the report; nothing if the run has neither of the two indexes nor a p95."""
    gains, limits = tuple(gains_of(record)), tuple(p95_of(record))
    if not gains and not limits:
        return Markup("")
    page = _TEMPLATES.get_template("claims.html.j2").render(gains=gains, limits=limits, source=SOURCE)
    return Markup(page)  # noqa: S704  # our own template, which escapes what comes from the run


def gains_of(record: RunRecord) -> Iterator[Gain]:
    """Yield the gain of each index of which one is claimed, if its query was measured before and after."""
    for entry in record.migrations:
        if entry.slug in CLAIMED_GAIN and entry.before and entry.after:
            server = entry.before.server_ms.value, entry.after.server_ms.value
            client = entry.before.client_ms.value, entry.after.client_ms.value
            if server[0] and server[1] and client[0] and client[1]:
                claimed = CLAIMED_GAIN[entry.slug]
                yield Gain(entry.number, entry.slug, claimed, (server[0], server[1]), (client[0], client[1]))


def p95_of(record: RunRecord) -> Iterator[ObjectiveVerdict]:
    """Yield the verdicts of the published limits."""
    for verdict in record.verdicts:
        if isinstance(verdict, ObjectiveVerdict) and verdict.objective.q == PUBLISHED_Q:
            yield verdict


def _saved(sides: tuple[float, float]) -> float:
    return 1 - sides[1] / sides[0]
