"""A SQL file as psql and other tools read it: where statements end, and which are committed together."""

from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.migrations.text.script import blocks, read_blocks, split
from tailguard.migrations.text.settings import on_a_copy, read_script


def texts(sql: str) -> list[str]:
    return [one.text for one in split(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';' ; SELECT E'\\';' ;", ["SELECT ';'", "SELECT E'\\';'"]),
        ("/* a; /* b; */ c; */ SELECT 1; -- d;", ["SELECT 1"]),
        ("DO $x$ BEGIN; END $x$; SELECT 2", ["DO $x$ BEGIN; END $x$", "SELECT 2"]),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
            [
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                "SELECT 3",
            ],
        ),
        (
            "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 3",
            ["CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)", "SELECT 3"],
        ),
        (";;  ; ", []),
    ],
)
def test_a_statement_ends_where_psql_ends_it(sql, expected):
    assert texts(sql) == expected


def test_a_statement_has_the_line_of_its_first_word():
    assert [one.line for one in split("-- one\n\nSELECT\n1;\n/* x\n*/ SELECT 2")] == [3, 6]


def test_statements_between_begin_and_commit_share_a_transaction_and_settings_stay():
    sql = "SET lock_timeout = '1s'; BEGIN; SELECT 1; SELECT 2; COMMIT; SELECT 3; BEGIN; SELECT 4; ROLLBACK"
    first, second = blocks([*split(sql)])
    assert [one.text for one in first.statements] == ["SELECT 1", "SELECT 2"]
    assert (first.transaction, second.transaction) == (True, False)
    assert first.settings == second.settings == ("SET lock_timeout = '1s'",)
    (whole,) = blocks([*split(sql.replace("BEGIN; SELECT 4; ROLLBACK", ""))], single_transaction=True)
    assert len(whole.statements) == 4


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1;\n\\i other.sql\n", r"2: \\i is a command of psql"),
        ("BEGIN; SELECT 1", "1: BEGIN is never committed"),
        ("COPY t FROM stdin;\n1\n", "COPY FROM STDIN"),
    ],
)
def test_what_no_server_can_execute_is_named(tmp_path: Path, sql, message):
    path = tmp_path / "file.sql"
    path.write_text(sql, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_blocks(path)


@pytest.mark.parametrize(
    ("name", "text", "together"),
    [
        ("plain.sql", "SELECT 1; SELECT 2;", False),
        ("V2__x.sql", "SELECT 1; SELECT 2;", True),  # Flyway
        ("20260101_x.sql", "-- migrate:up\nSELECT 1; SELECT 2;\n-- migrate:down\nSELECT 3;", True),  # dbmate
        (
            "20260101_x.sql",
            "-- migrate:up transaction:false\nSELECT 1; SELECT 2;\n-- migrate:down\nSELECT 3;",
            False,
        ),
        ("000001_x.up.sql", "SELECT 1; SELECT 2;", True),  # golang-migrate, sqlx
        ("20260101_x.sql", "-- no-transaction\nSELECT 1; SELECT 2;", False),  # sqlx
        ("00001_x.sql", "-- +goose Up\nSELECT 1; SELECT 2;\n-- +goose Down\nSELECT 3;", True),
        (
            "00001_x.sql",
            "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1; SELECT 2;\n-- +goose Down\nSELECT 3;",
            False,
        ),
        # `manage.py sqlmigrate` and `alembic upgrade --sql` write their transaction down.
        ("django.sql", "BEGIN;\n--\n-- Add field x to y\n--\nSELECT 1;\nSELECT 2;\nCOMMIT;", True),
        ("alembic.sql", "BEGIN;\n\n-- Running upgrade a -> b\n\nSELECT 1;\n\nSELECT 2;\n\nCOMMIT;", True),
    ],
)
def test_files_of_other_tools_are_executed_as_those_do(tmp_path: Path, name, text, together):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = read_blocks(path)
    assert [one.text for block in found for one in block.statements] == ["SELECT 1", "SELECT 2"]
    assert [block.transaction for block in found] == ([True] if together else [False, False])


BUILD = "CREATE INDEX CONCURRENTLY i ON t (a);"


@pytest.mark.parametrize(
    ("name", "text", "together"),
    [
        ("000001_x.up.sql", BUILD, False),  # one call with one statement opens no transaction
        ("20260101_x/migration.sql", BUILD, False),  # Prisma
        ("V2__x.sql", BUILD, False),  # Flyway sees for itself
        ("V2__x.sql", f"{BUILD} ANALYZE t;", False),
        ("V2__x.sql", "ALTER TABLE t ADD a int;", True),
        ("000001_x.up.sql", f"{BUILD} ANALYZE t;", True),  # PostgreSQL refuses it
        ("20260101_x.sql", BUILD, True),  # sqlx opens one, unless it is told not to
    ],
)
def test_a_concurrent_build_is_in_a_transaction_if_its_tool_opens_one(tmp_path: Path, name, text, together):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    assert any(block.transaction for block in read_blocks(path)) is together


@pytest.mark.parametrize(
    ("sql", "path"),
    [
        ("SET search_path = shop; CREATE INDEX CONCURRENTLY i ON t (a);", ("shop",)),
        ("SET search_path TO Shop, \"Old Shop\", 'public'; ALTER TABLE t ADD a int;", ("shop", "Old Shop", "public")),
        ("BEGIN; SET LOCAL search_path = shop; ALTER TABLE t ADD a int; COMMIT;", ("shop",)),
        ("SET search_path = old; SET search_path = shop; ALTER TABLE t ADD a int;", ("shop",)),
        ("SET LOCAL search_path = shop; ALTER TABLE t ADD a int;", ()),  # no transaction, no effect
        ("SET search_path TO DEFAULT; ALTER TABLE t ADD a int;", ()),
        ("SET lock_timeout = '1s'; ALTER TABLE t ADD a int;", ()),
    ],
)  # fmt: skip
def test_the_search_path_of_a_file_is_that_of_its_names(tmp_path: Path, sql, path):
    (tmp_path / "x.sql").write_text(sql, encoding="utf-8")
    script = read_script(tmp_path / "x.sql")
    assert script.path == path
    (block,) = script.blocks
    assert "search_path" not in " ".join([*block.settings, *(one.text for one in block.statements)])


def test_a_file_on_two_search_paths_is_refused_and_a_change_of_the_database_is_named(tmp_path: Path):
    file = tmp_path / "x.sql"
    file.write_text("SET search_path = a; SELECT 1; SET search_path = b; SELECT 2;", encoding="utf-8")
    with pytest.raises(UsageError, match="different search paths: a and b"):
        read_script(file)
    file.write_text("SELECT 1; SET search_path = b; SELECT 2;", encoding="utf-8")
    with pytest.raises(UsageError, match="b and its session's own"):
        read_script(file)
    file.write_text("SELECT 1;\n\\c other\nSELECT 2;", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"x.sql:2: \\c is a command of psql: .* Write a file for each database"
    ):
        read_script(file)


def test_roles_are_named_and_left_out_of_a_copy(tmp_path: Path):
    sql = "SET ROLE app; ALTER TABLE t ADD a int; BEGIN; SET LOCAL ROLE boss; SELECT 1; COMMIT; RESET ROLE; SELECT 2"
    (tmp_path / "x.sql").write_text(sql, encoding="utf-8")
    script = read_script(tmp_path / "x.sql")
    assert script.roles == ("SET ROLE app", "SET LOCAL ROLE boss", "RESET ROLE")
    copied = [on_a_copy(block) for block in script.blocks]
    assert [block.settings for block in copied] == [(), (), ()]
    assert [one.text for block in copied for one in block.statements] == [
        "ALTER TABLE t ADD a int",
        "SELECT 1",
        "SELECT 2",
    ]
