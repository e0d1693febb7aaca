"""What a server's settings are, for the environment record of a run."""

from typing import Any

import psycopg

from tailguard.record.environment import PostgresServer, PostgresSource

# These may hold a password or a key; that they are set is worth knowing, their text is not ours to write down.
_SECRET = frozenset(
    {"primary_conninfo", "archive_command", "restore_command", "ssl_passphrase_command", "archive_cleanup_command",
     "recovery_end_command"}
)  # fmt: skip
# How we connect, not how the server is set up.
_OURS = frozenset({"application_name", "search_path", "client_encoding", "port"})


def changed_settings(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the settings that differ from PostgreSQL's built-in values, with their units ("1GB"), by name."""
    rows = connection.execute(
        "SELECT name, pg_catalog.current_setting(name, true) FROM pg_catalog.pg_settings "
        "WHERE source NOT IN ('default', 'override', 'client', 'session') AND setting IS DISTINCT FROM boot_val "
        "ORDER BY name"
    ).fetchall()
    return {
        name: "(set, not recorded)" if name in _SECRET else value for name, value in rows if name not in _OURS
    }


def postgres_record(connection: psycopg.Connection[Any], source: PostgresSource) -> PostgresServer:
    """Return what a run's environment says of the server."""
    version = connection.info.parameter_status("server_version") or "unknown"
    return PostgresServer(version=version.split()[0], source=source, settings=changed_settings(connection))
