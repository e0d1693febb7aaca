"""A platform that runs elsewhere, reached over HTTP: for the workers of Locust and the blocks of a duet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perf.http import HttpPlatform, SubmittedResult, Tokens
from perf.mapping.mapped import MappedPlatform
from perf.mapping.pools import Pool, PooledRows
from perf.mapping.target import parse_target
from perf.seeded_shard import seeded_for
from reference.tokens import Tokens as Signer
from tailguard.http.connections import Exchange

STAFF = 1  # the seed's first user may act for every wallet and certificate


class UsedPlatform(HttpPlatform):
    """A server of `tailguard serve` that others have used: nobody knows its matches' versions, so none is stated."""

    def submit_result(
        self, match_id: int, user_id: int, score1: int, score2: int, version: int | None = None
    ) -> SubmittedResult:
        """Record a result on top of whatever is there."""
        HttpPlatform.submit_result(self, match_id, user_id, score1, score2, None)
        return SubmittedResult(None)


def platform_of(
    plan: Mapping[str, Any], connections: Exchange | None = None
) -> HttpPlatform | MappedPlatform:
    """Return the port onto the plan's target: mapped, or one that speaks the reference platform's contract."""
    if plan["target"]:
        given = plan["target"]
        target = parse_target(given["table"], given["source"], Path())
        return MappedPlatform(target, plan["host"], pools_of(plan), given["credentials"], connections)
    kind = HttpPlatform if plan["conninfo"] else UsedPlatform
    users = seeded_for(plan["lane"], plan["lanes"]).users
    tokens = Tokens(Signer(plan["secret"]).mint)
    return kind(plan["host"], tokens, staff=STAFF, spectator=users[-1], connections=connections)


def rows_of(plan: Mapping[str, Any]) -> Any:
    """Return the rows that scenarios prepare their data from: the target's pools, or the reference's seed."""
    if plan["target"]:
        return PooledRows(pools_of(plan), plan["lane"], plan["lanes"])
    return seeded_for(plan["lane"], plan["lanes"])


def pools_of(plan: Mapping[str, Any]) -> dict[str, Pool]:
    """Return the pools as the master read them."""
    return {name: Pool(name, rows, once) for name, (rows, once) in plan["target"]["pools"].items()}
