"""A platform that runs elsewhere, as the processes that ask it are told of it: address, log-in, rows."""

from collections.abc import Mapping

import msgspec

from tailguard.record.part import Document


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a user's requests carry: headers, and the token by itself for a WebSocket's address."""

    headers: Mapping[str, str]
    token: str


class RowPool(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of equal fields. `once`: each may be used one time only in a run."""

    rows: tuple[Document, ...]
    once: bool


class MappedTarget(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A target's mapping with its pools read and its users logged in.

    `table` is the TOML table [target] of the file `source`, without what was done already.
    """

    source: str
    table: Document
    pools: Mapping[str, RowPool]
    credentials: tuple[Credential, ...]


class RemoteTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where a target is, and how it is asked.

    `mapping` is None if the suite knows the routes; then `secret` signs its tokens. `conninfo` leads to its database,
    "" if it is not ours to read.
    """

    host: str
    secret: str
    mapping: MappedTarget | None
    conninfo: str = ""


class Shard(msgspec.Struct, frozen=True):
    """The share of iterations and rows that is a process's own: number `index` (from 0) of `count`."""

    index: int = 0
    count: int = 1
