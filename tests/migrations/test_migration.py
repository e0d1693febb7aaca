"""Migrations are read from files, and a file that could end badly is refused with its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.migrations.migration import find_migration, load_migrations, read_folder
from tailguard.migrations.text.lexer import tokens
from tailguard.migrations.text.sql import created_index, dropped_index, folded, statements
from tests.support.suite import MIGRATIONS

FILES = {
    "0001_newest.up.sql": "-- why\nCREATE INDEX CONCURRENTLY newest ON ledger (wallet_id, created DESC);\n",
    "0001_newest.down.sql": "DROP INDEX CONCURRENTLY newest;\n",
    "0001_newest.query.sql": '-- parameters: {"wallet_id": 42}\nSELECT 1 FROM ledger WHERE wallet_id = %(wallet_id)s;',
}


def folder_with(tmp_path, **changed):
    """Write the files, changed or left out (None) by their part."""
    parts = {name.split(".")[1]: (name, text) for name, text in FILES.items()}
    for part, (name, text) in parts.items():
        written = changed.get(part, text)
        if written is not None:
            (tmp_path / name).write_text(written, encoding="utf-8")
    return tmp_path


def test_the_shipped_migrations_are_the_two_of_the_platform():
    first, second = load_migrations(MIGRATIONS)
    assert (first.name, first.build.table, first.build.shape) == (
        "0001_idx_tx_wallet_created_desc",
        "economy_economytransaction",
        "(wallet_id, created DESC)",
    )
    assert (second.name, second.build.table, second.build.shape) == (
        "0002_idx_moderation_ref_created_desc",
        "support_moderationaction",
        "(ref_id, created DESC)",
    )
    assert first.query.parameters == {"wallet_id": 42}
    assert second.query.parameters == {"ref_id": "TRN-2025-001"}
    assert first.query.sql.endswith("LIMIT 50")
    assert second.query.sql.endswith("LIMIT 100")


def test_a_migration_is_found_by_number_slug_or_both(tmp_path):
    migrations = read_folder(folder_with(tmp_path))
    assert {find_migration(migrations, name).name for name in ("0001", "newest", "0001_newest")} == {
        "0001_newest"
    }
    with pytest.raises(UsageError, match=r"no migration 'oldest'\. Known: 0001_newest"):
        find_migration(migrations, "oldest")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"down": None}, r"0001_newest\.down\.sql is missing"),
        (
            {"up": "SET lock_timeout = '5s'; CREATE INDEX CONCURRENTLY newest ON ledger (id)"},
            r"up\.sql: 2 statements",
        ),
        ({"up": "-- nothing\n"}, r"up\.sql: 0 statements"),
        ({"up": "CREATE INDEX newest ON ledger (id)"}, "expected CREATE .* CONCURRENTLY"),
        (
            {"up": "CREATE INDEX CONCURRENTLY IF NOT EXISTS newest ON ledger (id)"},
            "INVALID leftover for success",
        ),
        ({"up": "ALTER TABLE ledger ADD x int"}, "expected CREATE .* found: ALTER TABLE"),
        ({"down": "DROP INDEX newest"}, "expected DROP INDEX CONCURRENTLY newest"),
        ({"down": "DROP INDEX CONCURRENTLY oldest"}, "drops oldest, but 0001_newest.up.sql builds newest"),
        (
            {"up": "CREATE INDEX CONCURRENTLY app.newest ON ledger (id)"},
            r"takes its table's schema: write newest without app.*ON app\.ledger",
        ),
        ({"down": "DROP INDEX CONCURRENTLY newest;\0"}, r"NUL character \(line 1\)"),
    ],
)
def test_what_could_end_badly_is_refused(tmp_path, changed, message):
    with pytest.raises(UsageError, match=message):
        load_migrations(folder_with(tmp_path, **changed))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (None, r"0001_newest\.query\.sql is missing.*up, down and status do without"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT %(wallet_id)s", r"has the parameters \['wallet_id'\]"),
        ('-- parameters: {"wallet_id": 1, "x": 2}\nSELECT %(wallet_id)s', "declared are"),
        ("-- parameters: wallet 42\nSELECT %(wallet_id)s", "not a JSON object"),
        ("-- parameters: " + "[" * 50_000 + "\nSELECT %(wallet_id)s", "not a JSON object"),
        ('-- parameters: {"wallet_id": ' + '{"a":' * 50_000 + "\nSELECT %(wallet_id)s", "not a JSON object"),
        ('-- parameters: {"wallet_id": 1}\n-- also: [1]\nSELECT %(wallet_id)s', "not a JSON object"),
        ("SELECT 1 FROM t WHERE title LIKE 'abc%'", "Write %% for the sign itself"),
        ("SELECT 5 % 2", "Write %% for the sign itself"),
        ("SELECT %s", r"%\(name\)s for a parameter"),
        ("SELECT 1 FROM t WHERE a = $1", r"\$1 is a placeholder of another library"),
        ("SELECT 1 FROM t WHERE a = :wallet", ":wallet is a placeholder of another library"),
    ],
)
def test_a_query_that_cannot_be_measured_is_told_by_who_measures_it(tmp_path, query, message):
    """The index can be built and dropped without it."""
    (migration,) = load_migrations(folder_with(tmp_path, query=query))
    with pytest.raises(UsageError, match=message):
        _ = migration.query


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 FROM t WHERE title LIKE 'abc%%' AND note = '$1 :x' AND a[1:2] = '{}'::int[]",
        "SELECT $x$ $1 $x$, b$1 FROM t -- $1 :x",
    ],
)
def test_what_only_looks_like_a_placeholder_is_none(tmp_path, query):
    (migration,) = load_migrations(folder_with(tmp_path, query=query))
    assert migration.query.parameters == {}


def test_a_byte_order_mark_is_no_part_of_the_first_statement(tmp_path):
    folder = folder_with(tmp_path)
    plain = load_migrations(folder)
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_migrations(folder) == plain


def test_one_bad_file_stops_no_other_migration(tmp_path):
    folder = folder_with(tmp_path)
    for name in ("0002_half.up.sql", "schema.sql", "0003_add.up.sql", "0003_add.down.sql"):
        (folder / name).write_text("ALTER TABLE ledger ADD x int", encoding="utf-8")
    read = read_folder(folder)
    assert [migration.name for migration in read.migrations] == ["0001_newest"]
    assert {bad.name for bad in read.bad} == {"0002_half", "schema.sql", "0003_add"}
    assert find_migration(read, "0001").name == "0001_newest"
    with pytest.raises(UsageError, match=r"0002_half\.down\.sql is missing"):
        find_migration(read, "half")


def test_a_wrong_file_name_is_refused_with_the_right_form(tmp_path):
    (tmp_path / "1_newest.sql").write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"1_newest\.sql: not a migration's name\. Call it NNNN_slug\.up\.sql"
    ):
        load_migrations(tmp_path)


def test_two_migrations_with_one_number_are_refused(tmp_path):
    folder = folder_with(tmp_path)
    (folder / "0001_other.up.sql").write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(UsageError, match="two migrations have the number 0001"):
        load_migrations(folder)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UsageError, match="absent does not exist"):
        load_migrations(tmp_path / "absent")


def test_the_content_hash_changes_with_the_way_up_and_not_with_comments(tmp_path):
    before = load_migrations(folder_with(tmp_path))[0].sha256
    commented = FILES["0001_newest.up.sql"].replace("why", "another comment")
    assert load_migrations(folder_with(tmp_path, up=commented))[0].sha256 == before
    other = FILES["0001_newest.up.sql"].replace("DESC", "ASC")
    assert load_migrations(folder_with(tmp_path, up=other))[0].sha256 != before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';' -- ; not here\n, 2", ["SELECT ';'  \n, 2"]),
        ('SELECT $x$ a;b $x$; /* ; */ SELECT "a;b"', ["SELECT $x$ a;b $x$", 'SELECT "a;b"']),
        ("SELECT 'it''s; one'", ["SELECT 'it''s; one'"]),
        (" ; -- only a comment", []),
        ("/* a /* b; */ c; */ SELECT 1; /* never; closed", ["SELECT 1"]),
        (r"SELECT E'it\'s; one', 'c:\'; SELECT 2", [r"SELECT E'it\'s; one', 'c:\'", "SELECT 2"]),
        ("SELECT a$b$; SELECT c$b$", ["SELECT a$b$", "SELECT c$b$"]),
        ("SELECT $a$;$b$;$a$; SELECT $1; SELECT 2", ["SELECT $a$;$b$;$a$", "SELECT $1", "SELECT 2"]),
    ],
)
def test_semicolons_split_statements_only_where_sql_says_so(text, expected):
    assert statements(text) == expected


@given(st.text(alphabet="ab$'\"/*-;E\\ \n\u00e9"))
def test_no_character_is_lost_between_the_tokens(text):
    assert "".join(token.text for token in tokens(text)) == text


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Newest", "newest"),
        ('"Newest ""x"""', 'Newest "x"'),
        ("ÄMTER_Idx", "Ämter_idx".replace("ä", "Ä")),
        ("a" * 70, "a" * 63),
        ("é" * 40, "é" * 31),
    ],
)
def test_a_name_is_folded_as_postgresql_folds_it(written, name):
    assert folded(written) == name


def test_a_dot_inside_of_quotes_parts_no_name():
    assert dropped_index('DROP INDEX CONCURRENTLY "My.App"."a.b"').index == '"a.b"'
    assert created_index('CREATE INDEX i ON "My.App"."t.x" (a)').table == '"My.App"."t.x"'


def test_an_index_statement_is_read_with_all_its_parts():
    read = created_index(
        'create unique index concurrently "My Index" on only app.ledger using btree (lower(a)) where b > 0'
    )
    assert (read.index, read.table, read.unique, read.concurrently, read.lenient) == (
        '"My Index"',
        "app.ledger",
        True,
        True,
        False,
    )
    assert read.shape == "using btree (lower(a)) where b > 0"
    assert created_index("DROP INDEX x") is None
    assert dropped_index("DROP INDEX IF EXISTS app.x").lenient
    assert dropped_index("DROP INDEX a, b") is None
