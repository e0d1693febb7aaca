"""Django: `sqlmigrate` of all migrations that are not applied, with the row by which Django knows that they are."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.reading.json_text import JsonError, decode
from tailguard.migrations.frameworks import run_python

MARK = "tailguard migrations: "
# Executed by Django's own shell: the graph of migrations, the ledger and the SQL are Django's.
SCRIPT = f"""
import json
from io import StringIO
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
ledger = []
if not executor.recorder.has_table():
    with connection.schema_editor(collect_sql=True) as editor:
        editor.create_model(executor.recorder.Migration)
    ledger = editor.collected_sql
found = []
for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
    text = StringIO()
    call_command("sqlmigrate", migration.app_label, migration.name, stdout=text, no_color=True)
    python = any(not operation.reduces_to_sql for operation in migration.operations)
    found.append(dict(app=migration.app_label, name=migration.name, sql=text.getvalue(), python=python))
print({MARK!r} + json.dumps(dict(vendor=connection.vendor, found=found, ledger=ledger)))
"""
RECORD = "INSERT INTO django_migrations (app, name, applied) VALUES ('{app}', '{name}', now());\n"


class _Found(msgspec.Struct, frozen=True):
    app: str
    name: str
    sql: str
    python: bool


class _Told(msgspec.Struct, frozen=True):
    vendor: str
    found: tuple[_Found, ...]
    ledger: tuple[str, ...]


def django_files(manage: Path, python: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the SQL of each migration that is not applied, by the name of its file, in Django's order.

    Raises UsageError if Django refuses, the database is none of PostgreSQL, or an operation is Python and no SQL.
    """
    arguments = [manage.name, "shell", "-v", "0", "-c", SCRIPT]
    said = run_python(python, arguments, manage.parent, environment, f"{manage} shell")
    lines = [line for line in said.splitlines() if line.startswith(MARK)]
    try:
        told = decode(lines[-1].removeprefix(MARK) if lines else "", _Told)
    except JsonError as error:
        raise UsageError(
            f"{manage} shell did not tell its migrations: {said[-200:] or 'nothing'}."
        ) from error
    for each in told.found:
        if each.python:
            raise UsageError(
                f"{each.app}.{each.name} has an operation in Python (RunPython), which is no SQL: apply it by"
                " `manage.py migrate`, then write the others."
            )
    if told.vendor != "postgresql":
        raise UsageError(f"{manage}: the default database is {told.vendor}, and its SQL is not PostgreSQL's.")
    files = {f"{each.app}.{each.name}.sql": _recorded(each) for each in told.found}
    for first in [*files][:1]:  # Django's own ledger, if there is none yet
        files[first] = "".join(f"{line}\n" for line in told.ledger) + files[first]
    return files


def _recorded(found: _Found) -> str:
    """Put the row of Django's ledger into the migration's own transaction, if it has one."""
    record = RECORD.format(app=found.app, name=found.name)
    body, commit, rest = found.sql.rpartition("COMMIT;")
    return f"{body}{record}{commit}{rest}" if commit else f"{found.sql}{record}"
