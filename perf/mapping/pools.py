"""Pools: the rows that iterations take their data from, read from CSV or generated, each used once or over and over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import tailguard as tg
from perf.mapping.target import PoolTable
from perf.offer import Played, Rows
from perf.platform import RowId
from tailguard.http import read_rows

Row: TypeAlias = Mapping[str, RowId]

# Whose rows results are submitted for.
MATCHES = ("matches", "broadcast_matches")
# A hot pair, and one that nobody else uses.
LEAST_WALLETS = 4
# The pools of which a scenario takes a row for each iteration.
DRAWN = {
    "registration": "users",
    "result_submission": "matches",
    "websocket_broadcast": "broadcast_matches",
}


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows of equal fields. `once`: each may be used one time only in a run."""

    name: str
    rows: Sequence[Row]
    once: bool

    def by_id(self) -> dict[RowId, Row]:
        """Return the rows by their `id`."""
        return {row["id"]: row for row in self.rows}


def read_pools(tables: Mapping[str, PoolTable], folder: str, source: str) -> dict[str, Pool]:
    """Return the pools of [target.pools]. Raises UsageError naming the pool, its file and its line."""
    pools = {}
    for name, table in tables.items():
        where = f"{source}: [target.pools.{name}]"
        rows = read_rows(name, table, Path(folder), where)
        if any("id" not in row for row in rows):
            raise tg.UsageError(f"{where} has rows without an id: give each row an id")
        pools[name] = Pool(name, rows, table.use == "once")
    return pools


def check_once(pools: Mapping[str, Pool], planned: Mapping[str, int]) -> None:
    """Raise UsageError if a pool whose rows may be used once has fewer than the iterations that draw on it."""
    for scenario, name in DRAWN.items():
        needed = planned.get(scenario, 0)
        if name in pools and pools[name].once and needed > len(pools[name].rows):
            raise tg.UsageError(
                f"pool {name} has {len(pools[name].rows):,} rows to be used once, and this duet's blocks of {scenario}"
                f" may take {needed:,}: give it more rows, or fewer --pairs"
            )


def rows_of_pools(pools: Mapping[str, Pool]) -> Rows:
    """Return the pools as scenarios make their data of them.

    Users are numbers of their pool's rows; tournaments, matches, wallets and registrations are their own ids. Raises
    UsageError for a match whose participant is not in the pool of users, or for too few wallets.
    """
    if 0 < len(_rows(pools, "wallets")) < LEAST_WALLETS:
        raise tg.UsageError(
            f"[target.pools.wallets] has {len(pools['wallets'].rows)} rows: give {LEAST_WALLETS} or more"
        )
    tournaments, broadcasts = _ids(pools, "tournaments"), _rows(pools, "broadcast_matches")
    return Rows(
        users=range(len(_rows(pools, "users")) or 1),
        hot_tournament=tournaments[0] if tournaments else "",
        open_tournaments=tournaments[1:]
        or tournaments,  # nobody joins the hot one a second time, as one of these
        small_tournaments=_ids(pools, "full_tournaments"),
        watched_tournament=broadcasts[0]["tournament"] if broadcasts else "",
        watched=_played(pools, "broadcast_matches"),
        unwatched=_played(pools, "matches"),
        wallets=_ids(pools, "wallets"),
        awards=_ids(pools, "registrations"),
    )


def _rows(pools: Mapping[str, Pool], name: str) -> Sequence[Row]:
    return pools[name].rows if name in pools else ()


def _ids(pools: Mapping[str, Pool], name: str) -> list[RowId]:
    return [row["id"] for row in _rows(pools, name)]


def _played(pools: Mapping[str, Pool], name: str) -> list[Played]:
    numbers = {row["id"]: number for number, row in enumerate(_rows(pools, "users"))}
    for row in _rows(pools, name):
        if row.get("participant") not in numbers:
            raise tg.UsageError(
                f"match {row['id']} has participant {row.get('participant')!r}, which is not in the pool of users"
            )
    return [(row["id"], numbers[row["participant"]]) for row in _rows(pools, name)]
