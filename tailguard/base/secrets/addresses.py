"""Where the password is in an address or a connection string, whether it is written well or badly."""

import re
from collections.abc import Iterator

# After one of these comes an address, however broken: `postgresql//me:...`, `postgres:/me:...`, `postgres:...@host`.
_DATABASE = r"(?:postgres\w*|postgre|pgsql|psql|mysql|mariadb|mongodb|redis|rediss|amqps?|mssql|oracle)(?:\+\w{1,30})?"
_FEW = 500  # characters: what is longer is not an address, and a longer search would take quadratic time
_BEGIN = re.compile(
    rf"(?<![a-z])(?P<database>{_DATABASE}(?::/{{1,3}}|/{{2,3}}|(?P<user>:)(?=[^\s/'\"@]{{0,{_FEW}}}@)))|://",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\s'\"]*")
# `5432`, `5432,other:5433`: ports of an address without a user.
_PORTS = re.compile(r"\d*(?:,[^:/,]*(?::\d*)?)*\Z")
_PORT_AND_PATH = re.compile(r"[^/@:]*:\d{1,5}(?=[/?#])")
# `password=...`: libpq reads to the closing quote, the next blank or `&`; who left those bare meant all up to `name=`.
_PARAMETER = re.compile(
    r"password\s*=\s*(?=(?:'(?P<quoted>(?:[^'\\]|\\.)*)')?)(?P<meant>.*?)(?=\s+\w+\s*=|&[a-z_]+=|\Z)",
    re.IGNORECASE | re.DOTALL,
)


def passwords_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a password is in the addresses of a text: in each word, from the first colon to the last `@`."""
    end = 0
    for begin in _BEGIN.finditer(text):
        if begin.start() < end:
            continue
        word = _WORD.match(text, begin.end())
        end = begin.end() if word is None else word.end()
        if found := _password(begin, text[begin.end() : end]):
            yield begin.end() + found[0], begin.end() + found[1]


def passwords_of(value: str) -> Iterator[str]:
    """Yield every password that a value may hold, if all of it is one address or connection string."""
    for found in _PARAMETER.finditer(value):
        yield re.sub(r"\\(.)", r"\1", found["quoted"] or "")
        yield found["meant"].strip("'")
        yield found["meant"]
    begin = _BEGIN.search(value)
    rest = value[begin.end() :] if begin else value
    if span := _password(begin, rest):
        yield rest[slice(*span)]


def _password(begin: re.Match[str] | None, rest: str) -> tuple[int, int] | None:
    """Return where the password is in what follows the beginning of an address; None if it has none."""
    of_database = begin is None or begin["database"] is not None
    colon, at = rest.find(":"), rest.rfind("@")
    if not of_database and _PORT_AND_PATH.match(rest):
        return None
    if 0 <= colon < at:
        return colon + 1, at
    if begin is not None and begin["user"] and at >= 0:  # what looked like the scheme is the user
        return 0, at
    if at >= 0 or begin is None or not of_database or rest.startswith("["):
        return None
    end = min((place for mark in "/?#" if (place := rest.find(mark)) >= 0), default=len(rest))
    return None if not 0 <= colon < end or _PORTS.match(rest, colon + 1, end) else (colon + 1, end)
