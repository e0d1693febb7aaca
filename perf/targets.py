"""Targets elsewhere as other processes have them: pools read, users logged in, or the secret that signs tokens."""

import os

from perf.mapping.login import log_in
from perf.mapping.pools import read_pools
from perf.mapping.target import Target
from perf.reference_process import Reference
from tailguard.base.errors import UsageError
from tailguard.http.remote_target import MappedTarget, RowPool
from tailguard.record.part import Document

SECRET_VARIABLE = "DELTACROWN_SECRET"  # noqa: S105  # the name of the variable that `tailguard serve` reads


def packed(target: Target, host: str) -> MappedTarget:
    """Return the target as workers have it: its pools read and its users logged in, here and once."""
    table = {name: value for name, value in target.table.items() if name not in {"login", "pools", "ca_file"}}
    pools = read_pools(target.pools, target.folder, target.source)
    return MappedTarget(
        source=target.source,
        table=Document(table | ({"ca_pem": target.ca_pem} if target.ca_pem else {})),
        pools={
            name: RowPool(rows=tuple(Document(row) for row in pool.rows), once=pool.once)
            for name, pool in pools.items()
        },
        credentials=tuple(log_in(target, host)),
    )


def secret_of(reference: Reference | None) -> str:
    """Return what signs the target's tokens. Raises UsageError if we have no way to log in."""
    secret = reference.secret if reference else os.environ.get(SECRET_VARIABLE, "")
    if not secret:
        raise UsageError(
            f"There is no way to log in at this host. For a server of `tailguard serve`, set {SECRET_VARIABLE} to the "
            "one it was started with; for a platform of yours, describe its routes and its log-in with "
            "--tailguard-target FILE (docs/examples/deltacrown.toml)."
        )
    return secret
