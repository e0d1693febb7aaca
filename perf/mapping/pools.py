"""Pools: the rows that turns take their data from, read from CSV or generated, each used once or over and over."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perf.mapping.template import fill
from tailguard.base.errors import UsageError

Row = Mapping[str, Any]
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_WHOLE = re.compile(r"-?(0|[1-9]\d*)")
POOLS = (
    "users",
    "tournaments",
    "full_tournaments",
    "matches",
    "broadcast_matches",
    "wallets",
    "registrations",
)
BROADCAST, RESULTS = 0, 1  # the two kinds of live tournaments that scenarios ask for, by their place


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows of equal fields. `once`: each may be used one time only in a run."""

    name: str
    rows: Sequence[Row]
    once: bool

    def by_id(self) -> dict[Any, Row]:
        """Return the rows by their `id`."""
        return {row["id"]: row for row in self.rows}


def read_pools(tables: Mapping[str, Mapping[str, Any]], folder: Path, source: str) -> dict[str, Pool]:
    """Return the pools of [target.pools]. Raises UsageError naming the pool, its file and its line."""
    pools = {}
    for name, table in tables.items():
        where = f"{source}: [target.pools.{name}]"
        if name not in POOLS:
            raise UsageError(f"{where} is no pool of ours; there are {', '.join(POOLS)}")
        if table.get("use", "cycle") not in {"cycle", "once"}:
            raise UsageError(f"{where}: use is {table['use']!r}; write once or cycle")
        rows = _read_csv(folder / table["file"], where) if "file" in table else _generated(table, where)
        if not rows or any("id" not in row for row in rows):
            raise UsageError(f"{where} has no row, or one without an id: give each row an id")
        pools[name] = Pool(name, rows, table.get("use") == "once")
    return pools


def _read_csv(path: Path, where: str) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    raise UsageError(
                        f"{where}: {path}, line {reader.line_num} has more or fewer fields than its head"
                    )
                rows.append(dict(row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"{where}: cannot read {path}: {why}. Write it as a CSV whose first line names the fields, next to the "
            'target\'s file, or let the rows be made: generate = { id = "1..500" }'
        ) from error
    return _typed(rows)


def _typed(rows: list[dict[str, Any]]) -> list[Row]:
    """Return the rows with every column of whole numbers as such: a JSON body then has numbers, not texts."""
    whole = [name for name in (rows[0] if rows else ()) if all(_WHOLE.fullmatch(row[name]) for row in rows)]
    return [{name: int(value) if name in whole else value for name, value in row.items()} for row in rows]


def _generated(table: Mapping[str, Any], where: str) -> list[Row]:
    """Return rows of `generate = { id = "1..500", username = "player-{id}" }`."""
    fields = dict(table.get("generate", {}))
    span = _RANGE.fullmatch(str(fields.pop("id", "")))
    if span is None or int(span[1]) > int(span[2]):
        raise UsageError(f'{where} has neither a file nor generate = {{ id = "1..500" }}, a range of ids')
    return [
        {"id": number} | {name: fill(text, {"id": number}) for name, text in fields.items()}
        for number in range(int(span[1]), int(span[2]) + 1)
    ]


class PooledRows:
    """The pools in the shape of the seeded rows that scenarios prepare their data from, one lane's part of them.

    Users are numbers of their pool's rows; tournaments, matches, wallets and registrations are their own ids.
    """

    def __init__(self, pools: Mapping[str, Pool], lane: int, lanes: int) -> None:
        self._pools, self._lane, self._lanes = pools, lane, lanes
        self.users = range(len(pools["users"].rows)) if "users" in pools else range(1)
        self._number = (
            {row["id"]: number for number, row in enumerate(pools["users"].rows)} if "users" in pools else {}
        )
        self._participant = {
            row["id"]: row.get("participant")
            for name in ("matches", "broadcast_matches")
            for row in self._rows(name)
        }

    @property
    def open_tournaments(self) -> Sequence[Any]:
        """Ids of the tournaments that one can join."""
        return self._ids("tournaments")

    @property
    def hot_tournament(self) -> Any:
        """Id of the one that every tenth joins."""
        return self.open_tournaments[0]

    @property
    def small_tournaments(self) -> Sequence[Any]:
        """Ids of tournaments that are full, if the target has such; else open ones."""
        return self._ids("full_tournaments") or self.open_tournaments

    @property
    def live_tournaments(self) -> Sequence[Any]:
        """The watched tournament, then a name for all matches that nobody watches."""
        watched = next((row["tournament"] for row in self._rows("broadcast_matches")), None)
        return watched, "matches"

    @property
    def wallets(self) -> Sequence[Any]:
        """Ids of the wallets."""
        return self._ids("wallets")

    @property
    def awards(self) -> Sequence[Any]:
        """Ids of the registrations that certificates are for."""
        return self._ids("registrations")[self._lane :: self._lanes]

    def matches_of(self, tournament: Any) -> Sequence[Any]:
        """Return this lane's matches: the watched tournament's, or all that nobody watches."""
        name = "matches" if tournament == "matches" else "broadcast_matches"
        return self._ids(name)[self._lane :: self._lanes]

    def participants(self, match_id: Any) -> tuple[int, int]:
        """Return the user number that submits a match's result, twice."""
        participant = self._participant[match_id]
        if participant not in self._number:
            raise UsageError(
                f"match {match_id} has participant {participant!r}, who is not in the pool of users"
            )
        return self._number[participant], self._number[participant]

    def _rows(self, name: str) -> Sequence[Row]:
        return self._pools[name].rows if name in self._pools else ()

    def _ids(self, name: str) -> Sequence[Any]:
        return [row["id"] for row in self._rows(name)]
