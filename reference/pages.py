"""The tournament page: one document of eight tables, read from the database each time or kept in Redis.

The platform's own page asks for every match's players one by one (N+1 queries); `joined` asks twice in all.
"""

import json
import time
from collections.abc import Callable
from typing import Any, LiteralString, Protocol

from reference.database import Connection, Database
from reference.errors import NotFound

MATCHES, TTL_S = 40, 300
_WAIT_S, _PAUSE_S = 1.0, 0.002  # of a reader whose page another one is loading

_HEAD: LiteralString = """
SELECT t.id, t.name, t.status, t.participant_count, u.username,
       (SELECT count(*) FROM tournaments_registration r WHERE r.tournament_id = t.id),
       (SELECT count(*) FROM tournaments_paymentverification p JOIN tournaments_registration r
            ON r.id = p.registration_id WHERE r.tournament_id = t.id AND p.status = 'verified'),
       (SELECT count(*) FROM tournament_engine_certificate_certificate c WHERE c.tournament_id = t.id)
FROM tournaments_tournament t JOIN accounts_user u ON u.id = t.organizer_id WHERE t.id = $1
"""
_MATCH = """m.id, m.state, m.version, m.participant1_score, m.participant2_score"""
_MATCHES: LiteralString = f"""
SELECT {_MATCH}, m.participant1_id, m.participant2_id FROM tournament_engine_match_match m
WHERE m.tournament_id = $1 ORDER BY m.id LIMIT {MATCHES}
"""
_USER: LiteralString = "SELECT username FROM accounts_user WHERE id = $1"
_WALLET: LiteralString = "SELECT cached_balance FROM economy_deltacrownwallet WHERE profile_id = $1"
_AUDIT: LiteralString = """
SELECT action FROM tournaments_auditlog WHERE tournament_id = $1 ORDER BY id DESC LIMIT 1
"""
_JOINED: LiteralString = f"""
SELECT {_MATCH}, one.username, two.username, first.cached_balance, second.cached_balance
FROM tournament_engine_match_match m
LEFT JOIN accounts_user one ON one.id = m.participant1_id
LEFT JOIN accounts_user two ON two.id = m.participant2_id
LEFT JOIN economy_deltacrownwallet first ON first.profile_id = m.participant1_id
LEFT JOIN economy_deltacrownwallet second ON second.profile_id = m.participant2_id
WHERE m.tournament_id = $1 ORDER BY m.id LIMIT {MATCHES}
"""
# Kept only if nothing was forgotten since the page was read: else an old page could outlive a commit by the TTL.
_KEEP = """
if (redis.call('get', KEYS[2]) or '0') == ARGV[1] then redis.call('set', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
"""


class Pages:
    """Reads pages from the database."""

    def __init__(self, database: Database, *, joined: bool) -> None:
        """Ask in two queries if `joined`, else in five a match."""
        self._database = database
        self._matches = _joined if joined else _one_by_one

    def read(self, tournament_id: int) -> bytes:
        """Return a page as JSON. Raises NotFound."""
        with self._database.connection() as connection:
            head = connection.row(_HEAD, tournament_id)
            if head is None:
                raise NotFound(f"there is no tournament {tournament_id}")
            matches = self._matches(connection, tournament_id)
            last = connection.row(_AUDIT, tournament_id)
        names = ("id", "name", "status", "participants", "organizer", "registrations", "paid", "certificates")
        page = {**dict(zip(names, head, strict=True)), "last": last and last[0], "matches": matches}
        return json.dumps(page).encode()


def _one_by_one(connection: Connection, tournament_id: int) -> list[list[Any]]:
    found = []
    for *match, one, two in connection.run(_MATCHES, tournament_id):
        told = [connection.row(query, who) for query in (_USER, _WALLET) for who in (one, two)]
        found.append([*match, *(each and each[0] for each in told)])
    return found


def _joined(connection: Connection, tournament_id: int) -> list[list[Any]]:
    return [list(row) for row in connection.run(_JOINED, tournament_id)]


class Redis(Protocol):
    """What of a client of Redis is used here."""

    def get(self, name: str) -> Any: ...
    def set(self, name: str, value: bytes, *, nx: bool, px: int) -> Any: ...
    def delete(self, *names: str) -> Any: ...
    def pipeline(self) -> Any: ...
    def register_script(self, script: str) -> Any: ...


class CachedPages:
    """Pages kept in Redis for `ttl_s` after they were read (cache-aside). `forget` one after a commit that changes it.

    With `single_flight` one reader loads a page that is not there, and the others wait for it.
    """

    def __init__(
        self, load: Callable[[int], bytes], redis: Redis, *, ttl_s: int = TTL_S, single_flight: bool = False
    ) -> None:
        """Load pages by `load` where Redis has none."""
        self._load, self._redis, self._ttl_s, self._single = load, redis, ttl_s, single_flight
        self._keep = redis.register_script(_KEEP)

    def read(self, tournament_id: int) -> tuple[bytes, bool]:
        """Return a page, and whether it was kept. Raises NotFound."""
        kept = self._redis.get(_page(tournament_id))
        if kept is None and self._single:
            first = self._is_first(tournament_id)
            # The first one, too, looks again: another may have been first just before, and be done.
            kept = self._redis.get(_page(tournament_id)) if first else self._awaited(tournament_id)
            if first and kept is not None:
                self._redis.delete(_loading(tournament_id))
        return (self._fresh(tournament_id), False) if kept is None else (kept, True)

    def forget(self, tournament_id: int) -> None:
        """Forget a page, also one that somebody reads from the database at this moment."""
        self._redis.pipeline().incr(_forgotten(tournament_id)).delete(_page(tournament_id)).execute()

    def _fresh(self, tournament_id: int) -> bytes:
        forgotten = self._redis.get(_forgotten(tournament_id)) or b"0"
        page = self._load(tournament_id)
        keys = [_page(tournament_id), _forgotten(tournament_id)]
        self._keep(keys=keys, args=[forgotten, page, self._ttl_s])
        self._redis.delete(_loading(tournament_id))
        return page

    def _is_first(self, tournament_id: int) -> bool:
        return bool(self._redis.set(_loading(tournament_id), b"1", nx=True, px=int(_WAIT_S * 1000)))

    def _awaited(self, tournament_id: int) -> bytes | None:
        ends_s = time.monotonic() + _WAIT_S
        while time.monotonic() < ends_s:
            if kept := self._redis.get(_page(tournament_id)):
                return bytes(kept)
            time.sleep(_PAUSE_S)
        return None


def _page(tournament_id: int) -> str:
    return f"tournament:{tournament_id}:page"


def _forgotten(tournament_id: int) -> str:
    return f"tournament:{tournament_id}:forgotten"


def _loading(tournament_id: int) -> str:
    return f"tournament:{tournament_id}:loading"
