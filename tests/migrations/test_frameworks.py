"""`tailguard migrate sql`: Django and Alembic themselves write what they would apply, and know what was."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from tailguard.cli.main import run_cli
from tailguard.migrations.frameworks.alembic import _parted
from tailguard.postgres.location import connect

SETTINGS = """
SECRET_KEY = "none"
INSTALLED_APPS = ["shop"]
DATABASES = {{"default": {database}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
FIRST = """
from django.db import migrations, models
class Migration(migrations.Migration):
    initial = True
    operations = [migrations.CreateModel("Order", [
        ("id", models.BigAutoField(primary_key=True)), ("note", models.TextField(null=True))])]
"""
SECOND = """
from django.db import migrations, models
class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [{operation}]
"""
NOT_NULL = 'migrations.AlterField("order", "note", models.TextField())'
PYTHON = "migrations.RunPython(lambda apps, editor: None)"
ENV = """
from alembic import context
from sqlalchemy import create_engine
url = {url!r}
if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
REVISIONS = {
    "a1": (
        "None",
        'op.create_table("orders", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("note", sa.Text))',
    ),
    "b2": ("'a1'", 'op.alter_column("orders", "note", nullable=False)'),
}


@pytest.fixture
def django_project(tmp_path: Path) -> Callable[[object, str], Path]:
    def make(database: object, operation: str = NOT_NULL) -> Path:
        migrations = tmp_path / "shop" / "migrations"
        migrations.mkdir(parents=True)
        (tmp_path / "settings.py").write_text(SETTINGS.format(database=database), encoding="utf-8")
        (tmp_path / "manage.py").write_text(MANAGE, encoding="utf-8")
        for name, text in (("0001_initial", FIRST), ("0002_note", SECOND.format(operation=operation))):
            (migrations / f"{name}.py").write_text(text, encoding="utf-8")
        for folder in (migrations, migrations.parent):
            (folder / "__init__.py").touch()
        return tmp_path / "manage.py"

    return make


def alembic_project(folder: Path, dsn: str) -> Path:
    (folder / "db" / "versions").mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = db\n", encoding="utf-8")
    part = conninfo_to_dict(dsn)
    url = f"postgresql+psycopg://{part['user']}:{part['password']}@{part['host']}:{part['port']}/{part['dbname']}"
    (folder / "db" / "env.py").write_text(ENV.format(url=url), encoding="utf-8")
    for name, (before, what) in REVISIONS.items():
        text = f"import sqlalchemy as sa\nfrom alembic import op\nrevision = {name!r}\ndown_revision = {before}\n"
        (folder / "db" / "versions" / f"{name}.py").write_text(
            f"{text}def upgrade():\n    {what}\n", encoding="utf-8"
        )
    return folder / "alembic.ini"


@pytest.mark.system
def test_what_django_writes_is_applied_and_django_knows_it(own_database, django_project, capsys):
    dsn = own_database("django_shop")
    part = conninfo_to_dict(dsn)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    place = {
        "ENGINE": "django.db.backends.postgresql",
        **{ours: part[theirs] for ours, theirs in names.items()},
    }
    manage = django_project(json.loads(json.dumps(place)))
    folder = manage.parent / "out"
    assert run_cli(["migrate", "sql", str(manage), "--to", str(folder)]) == 0
    first, second = sorted(folder.iterdir())
    assert [first.name, second.name] == ["shop.0001_initial.sql", "shop.0002_note.sql"]
    assert run_cli(["migrate", "up", str(first), "--dsn", dsn]) == 0
    with connect(dsn) as connection:
        connection.execute("INSERT INTO shop_order (note) SELECT 'n' FROM generate_series(1, 3000)")
    assert run_cli(["migrate", "up", str(second), "--dsn", dsn]) == 0
    capsys.readouterr()
    with connect(dsn) as connection:
        query = (
            "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'shop_order'::regclass AND attname = 'note'"
        )
        assert connection.execute(query).fetchone() == (True,)
        checks = "SELECT count(*) FROM tailguard_steps WHERE statement LIKE '%NOT VALID%'"
        assert connection.execute(checks).fetchone() == (1,)  # by its safe way
    assert run_cli(["migrate", "sql", str(manage), "--to", str(folder)]) == 0
    assert "nothing is left to apply" in capsys.readouterr().out


@pytest.mark.system
def test_what_alembic_writes_is_applied_and_alembic_knows_it(own_database, tmp_path, capsys):
    dsn = own_database("alembic_shop")
    ini = alembic_project(tmp_path, dsn)
    folder = tmp_path / "out"
    assert run_cli(["migrate", "sql", str(ini), "--to", str(folder)]) == 0
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["001_a1.sql", "002_b2.sql"]
    for file in files:
        assert run_cli(["migrate", "up", str(file), "--dsn", dsn]) == 0
    capsys.readouterr()
    assert run_cli(["migrate", "sql", str(ini), "--to", str(folder)]) == 0
    assert "nothing is left to apply" in capsys.readouterr().out


def test_a_concurrent_build_stays_outside_of_the_transactions_around_it():
    text = (
        "BEGIN;\n\nCREATE TABLE alembic_version (v text);\n\n-- Running upgrade  -> a1\n\nALTER TABLE t ADD x int;\n\n"
        "-- Running upgrade a1 -> b2\n\nCOMMIT;\n\nCREATE INDEX CONCURRENTLY i ON t (x);\n\n"
        "BEGIN;\n\nUPDATE v SET v = 1;\n\n"
        "-- Running upgrade b2 -> c3\n\nALTER TABLE t ADD y int;\n\nCOMMIT;\n"
    )
    first, second, third = (" ".join(part.split()) for part in _parted(text).values())
    assert first.startswith("BEGIN; CREATE TABLE")
    assert first.endswith("ADD x int; COMMIT;")
    assert second.startswith("BEGIN; -- Running upgrade a1 -> b2 COMMIT; CREATE INDEX")
    assert second.endswith("UPDATE v SET v = 1; COMMIT;")
    assert third == "BEGIN; -- Running upgrade b2 -> c3 ALTER TABLE t ADD y int; COMMIT;"


@pytest.mark.parametrize(
    ("operation", "why"),
    [(NOT_NULL, "the default database is sqlite"), (PYTHON, "shop.0002_note has an operation in Python")],
)
def test_a_database_of_another_kind_is_refused(django_project, capsys, operation, why):
    manage = django_project({"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}, operation)
    assert run_cli(["migrate", "sql", str(manage), "--to", str(manage.parent / "out")]) == 64
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["absent.py"], "absent.py is not there"),
        (["pyproject.toml"], "name your manage.py (Django) or alembic.ini"),
        (["manage.py", "--revisions", "a:b"], "--revisions is for Alembic"),
        (["alembic.ini", "--revisions", "head"], "write A:B"),
        (["manage.py", "--python", "/absent/python"], "name your Python with --python"),
        (["manage.py"], "No module named 'no_such_thing'"),
        (["alembic.ini"], "alembic current ended with"),
    ],
)
def test_wrong_inputs_are_told(tmp_path, monkeypatch, capsys, arguments, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manage.py").write_text("import no_such_thing\n", encoding="utf-8")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").touch()
    assert run_cli(["migrate", "sql", *arguments, "--to", "out"]) == 64
    assert why in capsys.readouterr().err


def test_a_file_that_differs_is_not_written_over(own_database, tmp_path, capsys):
    ini = alembic_project(tmp_path, own_database("alembic_again"))
    command = [
        "migrate",
        "sql",
        str(ini),
        "--to",
        str(tmp_path / "out"),
        "--revisions",
        "base:a1",
        "--python",
        sys.executable,
    ]
    assert run_cli(command) == 0
    (tmp_path / "out" / "001_a1.sql").write_text("-- mine\n", encoding="utf-8")
    assert run_cli(command) == 64
    assert "is there already and differs" in capsys.readouterr().err
