"""A copy of a table's rows, of which new ones may be added."""

from typing import Any

from psycopg import Connection, sql

COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
IDENTITIES = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attidentity <> ''"


def copy_rows(
    connection: Connection[Any], source_oid: int, source: sql.Identifier, copy: sql.Identifier, rows: int
) -> None:
    """Fill the table `copy`, made LIKE `source`, with up to `rows` rows; its identities go on above them."""
    columns = sql.SQL(", ").join(
        sql.Identifier(name) for (name,) in connection.execute(COLUMNS, [source_oid])
    )
    insert = sql.SQL("INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {} LIMIT %s")
    connection.execute(insert.format(copy, source, columns=columns), [rows])
    name = copy.as_string(connection)
    for (column,) in connection.execute(IDENTITIES, [name]).fetchall():
        number = sql.SQL("SELECT setval(pg_get_serial_sequence(%s, %s), max({})) FROM {}")
        connection.execute(number.format(sql.Identifier(column), copy), [name, column])
    connection.execute(sql.SQL("VACUUM ANALYZE {}").format(copy))
