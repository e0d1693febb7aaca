"""What other processes of a run get of its database: never a superuser's connection."""

import secrets

from psycopg import sql
from psycopg.conninfo import make_conninfo

from tailguard.base.secrets import keep_secret
from tailguard.postgres.location import connect_to_catalogue
from tailguard.suite.invariants import SkippedError

_SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
_KINDS = ("TABLES", "SEQUENCES", "FUNCTIONS")


def without_superuser(conninfo: str, schema: str, *, ours: bool) -> str:
    """Return a connection string that may do everything in a schema, and nothing else if its own is a superuser's.

    On a server of `ours` that is a role, which ends with it. Raises SkippedError for a superuser of a server of yours.
    """
    with connect_to_catalogue(conninfo) as connection:
        if connection.execute(_SUPERUSER).fetchone() == (False,):
            return conninfo
        if not ours:
            raise SkippedError(
                "the database's user is a superuser, whose connection other processes do not get: "
                "let database.dsn name another user"
            )
        role, password = f"{schema}_worker", secrets.token_urlsafe(24)
        keep_secret(password)
        names = {
            "role": sql.Identifier(role),
            "schema": sql.Identifier(schema),
            "password": sql.Literal(password),
        }
        for statement in _statements():
            connection.execute(sql.SQL(statement).format(**names))
    return make_conninfo(conninfo, user=role, password=password)


def _statements() -> list[str]:
    """Return what makes the role, with its rights on what is in the schema, and on what will be."""
    return [
        "CREATE ROLE {role} LOGIN PASSWORD {password}",
        "GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}",
        *(f"GRANT ALL ON ALL {kind} IN SCHEMA {{schema}} TO {{role}}" for kind in _KINDS),
        *(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {{schema}} GRANT ALL ON {kind} TO {{role}}"
            for kind in _KINDS
        ),
    ]
