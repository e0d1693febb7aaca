"""A platform that runs elsewhere, reached over HTTP: for the workers of Locust and the blocks of a duet."""

from pathlib import Path
from typing import Any

from perf.http import HttpPlatform, SubmittedResult, Tokens
from perf.mapping.mapped import MappedPlatform
from perf.mapping.pools import Pool, PooledRows
from perf.mapping.target import parse_target
from perf.seeded_shard import seeded_for
from reference.tokens import Tokens as Signer
from tailguard.http.connections import Exchange
from tailguard.http.remote_target import MappedTarget, RemoteTarget, Shard

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
    target: RemoteTarget, shard: Shard, connections: Exchange | None = None
) -> HttpPlatform | MappedPlatform:
    """Return the port onto a target: mapped, or one that speaks the reference platform's contract."""
    mapping = target.mapping
    if mapping is not None:
        parsed = parse_target(mapping.table.value, mapping.source, Path())
        return MappedPlatform(parsed, target.host, pools_of(mapping), mapping.credentials, connections)
    kind = HttpPlatform if target.conninfo else UsedPlatform
    users = seeded_for(shard.index, shard.count).users
    tokens = Tokens(Signer(target.secret).mint)
    return kind(target.host, tokens, staff=STAFF, spectator=users[-1], connections=connections)


def rows_of(target: RemoteTarget, shard: Shard) -> Any:
    """Return the rows that scenarios prepare their data from: the target's pools, or the reference's seed."""
    if target.mapping is not None:
        return PooledRows(pools_of(target.mapping), shard.index, shard.count)
    return seeded_for(shard.index, shard.count)


def pools_of(mapping: MappedTarget) -> dict[str, Pool]:
    """Return the pools as they were read where the mapping is."""
    return {
        name: Pool(name, [row.value for row in pool.rows], pool.once) for name, pool in mapping.pools.items()
    }
