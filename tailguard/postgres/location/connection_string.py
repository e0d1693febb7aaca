"""A connection string as people write it: taken as libpq takes it, or refused by the sentence that helps.

libpq's own messages may quote the text, and the text holds a password: they are not shown.
"""

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tailguard.base.errors import UsageError
from tailguard.base.secrets import remember

APPLICATION = "tailguard"
_FORM = "postgresql://user@host:5432/database"
# SQLAlchemy and Django write the driver into the scheme.
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")
_URL = re.compile(r"postgres(?:ql)?://")
_SCHEME = re.compile(r"(\w[\w+.-]*)(:|//)")
_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_PORTS = re.compile(r"[\d,]*")
_OTHERS = {
    "sqlite": "SQLite",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "mssql": "SQL Server",
    "sqlserver": "SQL Server",
    "oracle": "Oracle",
    "mongodb": "MongoDB",
    "redis": "Redis",
}
# Parameters of other libraries. Only these are named: anything else there may be half a password.
_FOREIGN = {
    "schema": "libpq knows no parameter 'schema': leave it out, and name the schema with --schema",
    "currentSchema": "libpq knows no parameter 'currentSchema': leave it out, and name the schema with --schema",
    "search_path": "libpq knows no parameter 'search_path': leave it out, and name the schema with --schema",
    "ssl": "libpq has no parameter 'ssl': write sslmode=require",
    "sslMode": "libpq writes it in small letters: sslmode",
    "pgbouncer": "libpq knows no parameter 'pgbouncer': leave it out, and give the server itself, not its pooler",
    "connection_limit": "'connection_limit' is of another library: leave it out",
    "pool_timeout": "'pool_timeout' is of another library: leave it out",
    "pool_size": "'pool_size' is of another library: leave it out",
    "charset": "'charset' is of another library: leave it out",
    "user_name": "libpq calls it user",
    "username": "libpq calls it user",
    "database": "libpq calls it dbname",
}
_PERCENT_ENCODE = "In a password write @ as %40, / as %2F, : as %3A, % as %25 and a blank as %20"


def checked(text: str, named_by: str) -> str:
    """Return the connection string with our name as the application's. Raises UsageError, without a word of it."""
    remember(text)
    normal = _DRIVER.sub(r"\1://", text.strip())
    try:
        known = conninfo_to_dict(normal)
    except psycopg.ProgrammingError:
        known = None
    if known is None or _two_readings(normal, str(known.get("port") or "")):
        raise UsageError(f"{named_by} is not a PostgreSQL connection string: {_help(normal)}.")
    return make_conninfo(normal, application_name=known.get("application_name") or APPLICATION)


def _two_readings(text: str, port: str) -> bool:
    """Whether a bare `@` or `/` makes libpq take a part of the password for a host, a port or a database."""
    return bool(_URL.match(text)) and (
        text.count("@") > 1 or "@" in _path(text) or not _PORTS.fullmatch(port)
    )


def _path(url: str) -> str:
    return url.partition("://")[2].partition("/")[2]


def _help(text: str) -> str:
    """Say what to write instead."""
    lower = text.lower()
    scheme = _SCHEME.match(lower)
    name = scheme[1].partition("+")[0] if scheme else ""
    if name == "jdbc":
        return "that is Java's form. Leave `jdbc:` out, and put user and password before the host: " + _FORM
    if name in _OTHERS:
        return f"it names {_OTHERS[name]}, and Tailguard works on PostgreSQL. Write {_FORM}"
    if not scheme or "=" in text.partition("://")[0]:
        return f"write {_FORM}, or host=... port=... user=... dbname=..., a value with blanks in '...'"
    if not _URL.match(text):
        return f"write its beginning as postgresql://, as in {_FORM}"
    return _help_with_url(text)


def _help_with_url(url: str) -> str:
    foreign = [name for name in _FOREIGN if re.search(rf"[?&]{name}=", url)]
    if foreign:
        return _FOREIGN[foreign[0]]
    if _BAD_PERCENT.search(url):
        return f"a % in it is not followed by two hexadecimal digits. {_PERCENT_ENCODE}"
    if "@" not in url:
        return f"its port is not a number. Write {_FORM}"
    return f"its parts cannot be told apart. {_PERCENT_ENCODE}"
