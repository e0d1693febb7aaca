"""Why a migration cannot go its way on this server: the same reasons for `plan`, which tells, and `up`, which stops."""

from typing import Any

from psycopg import Connection

from tailguard.migrations.errors import WrongIndexError
from tailguard.migrations.index import Equivalent, Index, Shape, Table, equivalents, indexes_of, name_taken
from tailguard.migrations.ledger import LEDGER
from tailguard.migrations.migration import Migration
from tailguard.postgres.session import quoted

RIGHTS = """
SELECT pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::bool,
       current_user, pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.pg_has_role(c.relowner, 'USAGE'),
       pg_catalog.has_schema_privilege(c.relnamespace, 'CREATE'),
       pg_catalog.has_table_privilege(l.oid, 'SELECT, INSERT')
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_class l ON l.relnamespace = c.relnamespace AND l.relname = %s
WHERE c.oid = %s
"""


def against_building(
    connection: Connection[Any],
    table: Table,
    migration: Migration,
    wanted: Shape | None,
    *,
    allow_equivalent: bool,
) -> str:
    """Say why the index cannot be built, which is not there yet; empty if it can. `wanted` is None if not known."""
    if reason := _missing_right(connection, table):
        return reason
    if taken := name_taken(connection, table, migration.build.index):
        return f"{taken}. Rename or drop it, or give the migration's index another name"
    served = [] if wanted is None or allow_equivalent else equivalents(indexes_of(connection, table), wanted)
    if served:
        return (
            f"{describe(served[0])}. A second one would cost every write and gain no read."
            " Build it all the same with --allow-equivalent"
        )
    return ""


def against_dropping(connection: Connection[Any], table: Table, index: Index) -> str:
    """Say why an index cannot be dropped; empty if it can."""
    if index.needed_by:
        return (
            f"{index.schema}.{index.name} belongs to {index.needed_by}, which cannot do without it: drop that one"
            " instead, by ALTER TABLE"
        )
    return _missing_right(connection, table)


def other_shape(present: Index, wanted: Shape | None) -> str:
    """Say that an index of the wanted name indexes something else; empty if it does not, or if that is not known."""
    have = present.shape
    if wanted is None or (have.unique, have.definition) == (wanted.unique, wanted.definition):
        return ""
    return (
        f"{present.schema}.{present.name} exists and is another index: {_words(have)}; wanted: {_words(wanted)}."
        " Rename or drop the one that is there, or give the migration another name"
    )


def refuse(reason: str) -> None:
    """Raise WrongIndexError if there is a reason."""
    if reason:
        raise WrongIndexError(f"{reason}.")


def describe(equivalent: Equivalent) -> str:
    """Say in words why an index already serves the wanted one."""
    turned = ", read backward" if equivalent.backward else ""
    condition = (
        f", if its first {equivalent.equality} column(s) are compared with =" if equivalent.equality else ""
    )
    return f"{equivalent.name} ({equivalent.definition}) already serves it{turned}{condition}"


def _missing_right(connection: Connection[Any], table: Table) -> str:
    row = connection.execute(RIGHTS, [LEDGER, table.oid]).fetchone()
    assert row is not None  # the table was found a moment ago
    read_only, user, owner, owns, may_create, may_record = row
    if read_only:
        return "this server or session only reads (a standby?): go to the primary"
    role, schema = quoted(user), quoted(table.schema)
    if not owns:
        return (
            f"the role {user} does not own {table.schema}.{table.name}: work as {owner}, or"
            f" GRANT {quoted(owner)} TO {role}"
        )
    if not may_create:
        return (
            f"the role {user} may not create an index in the schema {table.schema}:"
            f" GRANT CREATE ON SCHEMA {schema} TO {role}"
        )
    if may_record is False:  # None if there is no ledger yet
        return (
            f"the role {user} may not write the ledger {table.schema}.{LEDGER}:"
            f" GRANT SELECT, INSERT ON {schema}.{LEDGER} TO {role}"
        )
    return ""


def _words(shape: Shape) -> str:
    return f"{'UNIQUE ' if shape.unique else ''}{shape.definition}"
