"""Pools: the rows that iterations take their data from, read from CSV or generated, each used once or over and over."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import tailguard as tg
from perf.mapping.tables import Json, Row
from perf.offer import Played, Rows
from perf.platform import RowId
from tailguard.http import fill
from tailguard.kit import read_text

_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")
# A row takes some hundred bytes in each process that makes load.
_MOST_ROWS, _MOST_BYTES = 1_000_000, 256 << 20
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")  # 64 bits hold it
# Whose rows results are submitted for.
MATCHES = ("matches", "broadcast_matches")
# A hot pair, and one that nobody else uses.
LEAST_WALLETS = 4
POOLS = (
    "users",
    "tournaments",
    "full_tournaments",
    "matches",
    "broadcast_matches",
    "wallets",
    "registrations",
)
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


def read_pools(tables: Mapping[str, Mapping[str, Json]], folder: str, source: str) -> dict[str, Pool]:
    """Return the pools of [target.pools]. Raises UsageError naming the pool, its file and its line."""
    pools = {}
    for name, table in tables.items():
        where = f"{source}: [target.pools.{name}]"
        if name not in POOLS:
            raise tg.UsageError(f"{where} is not a pool; known are {', '.join(POOLS)}")
        if table.get("use", "cycle") not in {"cycle", "once"}:
            raise tg.UsageError(f"{where}: use is {table['use']!r}; write once or cycle")
        file = table.get("file")
        rows = _generated(table, where) if file is None else _read_csv(Path(folder, str(file)), where)
        if not rows or any("id" not in row for row in rows):
            raise tg.UsageError(f"{where} has no row, or one without an id: give each row an id")
        pools[name] = Pool(name, rows, table.get("use") == "once")
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


def _read_csv(path: Path, where: str) -> list[Row]:
    try:
        reader = csv.DictReader(StringIO(read_text(path, _MOST_BYTES), newline=""), strict=True)
        rows = list(reader)
    except (tg.UsageError, csv.Error) as error:
        raise tg.UsageError(
            f"{where}: {path} cannot be read: {str(error).rstrip('.')}. Write it as a CSV whose first line names the "
            'fields, next to the target\'s file, or let the rows be made: generate = { id = "1..500" }'
        ) from error
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise tg.UsageError(f"{where}: {path}, row {number} has more or fewer fields than its head")
    return _typed(rows)


def _typed(rows: list[dict[str, str]]) -> list[Row]:
    """Return the rows with every column of whole numbers as such: a JSON body then has numbers, not texts."""
    whole = [name for name in (rows[0] if rows else ()) if all(_WHOLE.fullmatch(row[name]) for row in rows)]
    return [{name: int(value) if name in whole else value for name, value in row.items()} for row in rows]


def _generated(table: Mapping[str, Json], where: str) -> list[Row]:
    """Return rows of `generate = { id = "1..500", username = "player-{id}" }`."""
    generate = table.get("generate")
    fields = {name: str(text) for name, text in generate.items()} if isinstance(generate, dict) else {}
    span = _RANGE.fullmatch(fields.pop("id", ""))
    if span is None or int(span[1]) > int(span[2]):
        raise tg.UsageError(f'{where} has neither a file nor generate = {{ id = "1..500" }}, a range of ids')
    if int(span[2]) - int(span[1]) >= _MOST_ROWS:
        raise tg.UsageError(f"{where} makes more than {_MOST_ROWS:,} rows: give it a smaller range of ids")
    return [
        {"id": number} | {name: _value(text, number) for name, text in fields.items()}
        for number in range(int(span[1]), int(span[2]) + 1)
    ]


def _value(text: str, number: int) -> RowId:
    value = fill(text, {"id": number})
    return value if isinstance(value, int) else str(value)
