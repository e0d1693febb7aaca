"""What is published of the platform, against what a run measured: gains of two indexes, p95 limits, the backlog."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from tailguard.kit import (
    ChangeVerdict,
    ObjectiveVerdict,
    RunRecord,
    duration_ms,
    limit_ms,
    ratio,
    read_toml,
)

SOURCE = "the platform's own report"
# What that says of these two indexes, with neither a plan nor a block count to check it by.
CLAIMED_GAIN = {"idx_tx_wallet_created_desc": 0.67, "idx_moderation_ref_created_desc": 0.72}
EXPERIMENTS = Path(__file__).resolve().parent.parent / "perf" / "experiments"
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


@dataclass(frozen=True, slots=True)
class Remedy:
    """A remedy of the optimisation backlog: what is claimed of it and which file tries it; its verdict in this run."""

    title: str
    claim: str
    file: str
    verdict: ChangeVerdict | None


def section(record: RunRecord) -> Markup:
    """Return the section of the report; nothing if the run has none of the two indexes, a p95 and a claim."""
    gains, limits, remedies = tuple(gains_of(record)), tuple(p95_of(record)), tuple(remedies_of(record))
    if not gains and not limits and not remedies:
        return Markup("")
    page = _TEMPLATES.get_template("claims.html.j2").render(
        gains=gains, limits=limits, remedies=remedies, source=SOURCE
    )
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


def remedies_of(record: RunRecord) -> Iterator[Remedy]:
    """Yield what the backlog claims, if the run is an experiment; only the one that was tried in it has a verdict."""
    if record.duet is None or record.duet.claim is None:
        return
    tried = record.duet.claim.title
    judged = [each for each in record.verdicts if isinstance(each, ChangeVerdict) and each.is_claim]
    for path in sorted(EXPERIMENTS.glob("*.toml")):
        said, _ = read_toml(path)
        mine = judged[0] if judged and said["title"] == tried else None
        yield Remedy(said["title"], said["claim"], f"perf/experiments/{path.name}", mine)


def _saved(sides: tuple[float, float]) -> float:
    return 1 - sides[1] / sides[0]
