"""`tailguard migrate lint`: each rule stands for a failure of a concurrent build, told by file and line."""

from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.cli.migrate.lint import WITHOUT_SQUAWK
from tailguard.migrations.lint import squawk as squawk_module
from tailguard.migrations.lint.check import lint_folder
from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.squawk import find_squawk, squawk_findings
from tailguard.migrations.lint.written import annotation, plain
from tailguard.migrations.text.sql import located_statements
from tailguard.postgres.location import connect
from tests.support.sarif import only_run

UP = "CREATE INDEX CONCURRENTLY i ON t (a);\n"
DOWN = "DROP INDEX CONCURRENTLY i;\n"
QUERY = "SELECT a FROM t WHERE a = 1;\n"

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, up: str = UP, down: str = DOWN, query: str = QUERY, name: str = "0001_i") -> Path:
    for part, text in (("up", up), ("down", down), ("query", query)):
        (folder / f"{name}.{part}.sql").write_text(text, encoding="utf-8")
    return folder


def found(folder: Path) -> list[tuple[str, int, str]]:
    return [(one.path.name, one.line, one.rule) for one in lint_folder(folder)]


def test_what_we_ship_is_clean() -> None:
    assert lint_folder(ROOT / "migrations_sql") == []


def test_a_good_migration_has_no_finding(tmp_path: Path) -> None:
    assert found(write(tmp_path)) == []


@pytest.mark.parametrize(
    ("up", "line", "rule"),
    [
        ("-- why\nCREATE INDEX CONCURRENTLY\n IF NOT EXISTS i ON t (a);", 2, "no-if-not-exists"),
        ("CREATE INDEX CONCURRENTLY ON t (a);", 1, "named-index"),
        ("CREATE INDEX i ON t (a);", 1, "concurrently"),
        ("\n\nSET lock_timeout = '5s';\nCREATE INDEX CONCURRENTLY i ON t (a);", 3, "no-timeout"),
        ("SET SESSION statement_timeout = 0; CREATE INDEX CONCURRENTLY i ON t (a)", 1, "no-timeout"),
        ("SET SESSION statement_timeout = 0;", 1, "shape"),
        ("BEGIN;\nCREATE INDEX CONCURRENTLY i ON t (a);\nCOMMIT;", 1, "no-transaction"),
        ("DO $$ BEGIN EXECUTE 'CREATE INDEX CONCURRENTLY i ON t (a)'; END $$;", 1, "no-function"),
        ("CREATE INDEX CONCURRENTLY i ON t (a);\nANALYZE t;", 2, "one-statement"),
        ("ANALYZE t;", 1, "shape"),
        ("-- nothing yet", 1, "empty"),
    ],
)
def test_each_rule_names_file_and_line(tmp_path: Path, up: str, line: int, rule: str) -> None:
    assert ("0001_i.up.sql", line, rule) in found(write(tmp_path, up=up))


@pytest.mark.system
def test_a_finding_tells_how_large_the_table_is(own_database, tmp_path, capsys):
    dsn = own_database("linted")
    with connect(dsn) as connection:
        connection.execute("CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 5000) n")
        connection.execute("CREATE TABLE events (id int) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (9000)")
        connection.execute("INSERT INTO events SELECT generate_series(1, 3000)")
        connection.execute("VACUUM ANALYZE")
    text = "".join(f"ALTER TABLE {table} ADD CHECK (id > 0);\n" for table in ("orders", "events", "absent"))
    (tmp_path / "1_checks.up.sql").write_text(text, encoding="utf-8")
    assert run_cli(["migrate", "lint", "--folder", str(tmp_path), "--dsn", dsn, "--format", "text"]) == 0
    told = capsys.readouterr().out
    assert "orders has about 5,000 rows in " in told
    assert "events has about 3,000 rows in " in told
    assert "all partitions together" in told
    assert "This database has no table absent." in told
    assert run_cli(["migrate", "lint", "--folder", str(tmp_path), "--schema", "shop"]) == 64


def test_a_way_down_that_drops_another_index_is_found(tmp_path: Path) -> None:
    assert found(write(tmp_path, down="DROP INDEX CONCURRENTLY j;")) == [("0001_i.down.sql", 1, "same-index")]


def test_a_way_down_that_locks_everybody_out_is_found(tmp_path: Path) -> None:
    assert found(write(tmp_path, down="DROP INDEX i;")) == [("0001_i.down.sql", 1, "concurrently")]


def test_a_query_whose_parameters_have_no_example_is_found(tmp_path: Path) -> None:
    (one,) = lint_folder(write(tmp_path, query="SELECT a FROM t WHERE a = %(a)s"))
    assert (one.path.name, one.rule) == ("0001_i.query.sql", "query")
    assert "-- parameters:" in one.message


def test_missing_parts_wrong_names_and_shared_numbers_are_found(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, name="0001_j")
    (tmp_path / "0001_i.query.sql").unlink()
    (tmp_path / "notes.sql").write_text("SELECT 1", encoding="utf-8")
    assert {rule for _, _, rule in found(tmp_path)} >= {"complete", "file-name", "number"}


def test_a_concurrent_build_beside_no_other_statement_is_asked_for_no_timeout(tmp_path: Path) -> None:
    """What is right beside most statements is wrong beside a concurrent build alone."""
    up = "SET lock_timeout = '5s';\nALTER TABLE t ADD x int;"
    assert {rule for _, _, rule in found(write(tmp_path, up=up))} == {"way-back"}


@pytest.mark.parametrize("query", ["SELECT a FROM t WHERE a LIKE 'x%';\n", "SELECT a FROM t WHERE a = $1;\n"])
def test_a_placeholder_that_a_proof_would_stumble_over_is_found(tmp_path: Path, query: str) -> None:
    assert found(write(tmp_path, query=query)) == [("0001_i.query.sql", 1, "query")]


PLAIN, CONCURRENT = "CREATE INDEX i ON t (a);\n", "CREATE INDEX CONCURRENTLY i ON t (a);\n"


@pytest.mark.parametrize(
    ("name", "text", "findings"),
    [
        ("000001_add.up.sql", PLAIN, [(1, "concurrently")]),
        ("000001_add.up.sql", "ALTER TABLE t ADD x int;", [(1, "lock-queue")]),
        ("000001_add.up.sql", CONCURRENT + "ANALYZE t;", [(2, "one-statement")]),
        ("20240101120000_add.sql", PLAIN, [(1, "concurrently")]),
        ("20240101120000_add.sql", "-- no-transaction\n" + CONCURRENT, []),
        ("20240101120000_add.sql", CONCURRENT, [(1, "no-transaction")]),
        ("V1_2__add.sql", "ANALYZE t;\n" + PLAIN, [(2, "concurrently")]),
        ("V1_2__add.sql", CONCURRENT + "ANALYZE t;", []),
        ("20240101_add/migration.sql", "-- CreateIndex\n" + PLAIN, [(2, "concurrently")]),
        ("1_add.sql", f"-- migrate:up\n{PLAIN}-- migrate:down\n{PLAIN}", [(2, "concurrently"), (4, "concurrently")]),
        ("1_add.sql", f"-- migrate:up\n{CONCURRENT}", [(2, "no-transaction")]),
        ("1_add.sql", f"-- migrate:up transaction:false\n{CONCURRENT}-- migrate:down\nDROP TABLE t;", []),
        ("1_add.sql", f"-- +goose NO TRANSACTION\n-- +goose Up\n{CONCURRENT}ANALYZE t;", []),
    ],
)  # fmt: skip
def test_files_of_other_tools_are_read_and_called_as_they_are(
    tmp_path: Path, name: str, text: str, findings: list[tuple[int, str]]
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [(line, rule) for _, line, rule in found(tmp_path)] == findings


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        (
            "ALTER TABLE orders ADD CHECK (n > 0);",
            "long-lock",
            "blocks reads and writes to orders for as long as it works (AccessExclusiveLock).",
        ),
        (
            "ALTER TABLE app.orders ADD COLUMN n int;",
            "lock-queue",
            "blocks reads and writes to app.orders for a moment (AccessExclusiveLock). While it waits",
        ),
        (
            "UPDATE orders SET n = 0;",
            "long-lock",
            "blocks writes to the rows of orders for as long as it works.",
        ),
        ("SET lock_timeout = '1s'; ALTER TABLE orders ADD COLUMN n int;", None, ""),
        ("CREATE TABLE orders (id int); ALTER TABLE orders ADD CHECK (id > 0);", None, ""),
        ("ALTER TABLE orders VALIDATE CONSTRAINT c;", None, ""),
    ],
)
def test_a_lock_is_named_in_the_words_of_the_proof(
    tmp_path: Path, text: str, rule: str | None, words: str
) -> None:
    (tmp_path / "V1__x.sql").write_text(text, encoding="utf-8")
    found = [(one.rule, one.message) for one in lint_folder(tmp_path)]
    assert [each for each, _ in found] == ([rule] if rule else [])
    assert all(words in message for _, message in found)
    assert all(one.severity == "warning" for one in lint_folder(tmp_path))


def test_errors_come_first_and_each_file_has_a_line_of_its_own(tmp_path: Path, capsys) -> None:
    write(tmp_path, name="0001_i")
    (tmp_path / "0001_i.query.sql").unlink()
    write(
        tmp_path,
        up=UP.replace("INDEX CONCURRENTLY i", "INDEX j"),
        down=DOWN.replace("i;", "j;"),
        name="0002_j",
    )
    assert run_cli(["migrate", "lint", "--format", "text", "--folder", str(tmp_path)]) == 65
    lines = [line.removeprefix(f"{tmp_path}/") for line in capsys.readouterr().out.splitlines()]
    assert [line.split(": ")[1] for line in lines[:3]] == ["error", "warning", "warning"]
    assert lines[3:] == [
        "0001_i.down.sql: 1 warning",
        "0001_i.up.sql: ok",
        "0002_j.down.sql: ok",
        "0002_j.query.sql: ok",
        "0002_j.up.sql: 1 error, 1 warning",  # squawk's, of the same line
    ]


def test_text_that_is_not_utf_8_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "0001_i.up.sql").write_bytes(b"-- caf\xe9\nCREATE INDEX CONCURRENTLY i ON t (a);")
    assert ("0001_i.up.sql", 1, "utf-8") in found(tmp_path)


def test_a_folder_without_migrations_is_an_error_and_no_pass(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--folder"):
        lint_folder(tmp_path)
    assert run_cli(["migrate", "lint", "--folder", str(tmp_path / "absent")]) == 64


def test_a_semicolon_in_a_text_or_comment_splits_nothing_and_lines_stay_true() -> None:
    text = "/* a;\n b */ SELECT ';\n;';\n-- c;\nSELECT $x$;\n$x$"
    assert located_statements(text) == [(2, "SELECT ';\n;'"), (5, "SELECT $x$;\n$x$")]


squawk = find_squawk()
needs_squawk = pytest.mark.skipif(squawk is None, reason="squawk-cli is not installed")


@needs_squawk
def test_squawk_is_asked_with_the_advice_off_that_breaks_concurrent_builds(tmp_path: Path) -> None:
    path = tmp_path / "0001_i.up.sql"
    path.write_text(UP, encoding="utf-8")
    assert squawk_findings(str(squawk), [path]) == []


@needs_squawk
def test_squawk_finds_what_we_do_not_and_its_lines_count_from_one(tmp_path: Path) -> None:
    path = tmp_path / "0001_i.up.sql"
    path.write_text("-- one\nCREATE INDEX CONCURRENTLY i ON t (a;", encoding="utf-8")
    (one,) = [f for f in squawk_findings(str(squawk), [path]) if f.rule == "squawk:syntax-error"]
    assert (one.line, one.severity) == (2, "error")
    other = tmp_path / "0002_j.up.sql"
    other.write_text("ALTER TABLE t ADD COLUMN x bigint NOT NULL;", encoding="utf-8")
    rules = {f.rule for f in squawk_findings(str(squawk), [other])}
    assert {"squawk:adding-required-field", "squawk:require-lock-timeout"} <= rules


def test_a_squawk_that_answers_nonsense_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no JSON"):
        squawk_findings("/bin/echo", [write(tmp_path) / "0001_i.up.sql"])


def test_a_finding_is_told_as_compilers_do_and_as_github_wants_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    finding = Finding(tmp_path / "a,b" / "1.sql", 7, "error", "squawk:x", "100 % wrong:\nsee")
    assert plain(finding) == f"{finding.path}:7: error: squawk:x: 100 % wrong:\nsee"
    assert annotation(finding) == "::error file=a%2Cb/1.sql,line=7,title=squawk%3Ax::100 %25 wrong:%0Asee"


def test_the_command_ends_with_65_and_prints_annotations_inside_of_github(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    write(tmp_path, up="CREATE INDEX i ON t (a);")
    assert run_cli(["migrate", "lint", "--folder", str(tmp_path), "--format", "text"]) == 65
    assert "0001_i.up.sql:1: error: concurrently:" in capsys.readouterr().out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run_cli(["migrate", "lint", "--folder", str(tmp_path)]) == 65
    assert "::error file=" in capsys.readouterr().out


def test_a_sarif_log_has_each_finding_at_its_line_with_the_page_of_its_rule(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "läden").mkdir()
    (tmp_path / "läden" / "V1__x.sql").write_text(
        "\nCREATE INDEX i ON t (a);\nALTER TABLE t ADD x int;", encoding="utf-8"
    )
    assert run_cli(["migrate", "lint", "--folder", "läden", "--format", "sarif"]) == 65
    run = only_run(capsys.readouterr().out)
    ours = [each for each in run["results"] if each["ruleId"].startswith("tailguard-")]
    assert [(each["ruleId"], each["level"]) for each in ours] == [
        ("tailguard-concurrently", "error"),
        ("tailguard-lock-queue", "warning"),
    ]
    places = [each["locations"][0]["physicalLocation"] for each in ours]
    assert [place["region"]["startLine"] for place in places] == [2, 3]
    assert {place["artifactLocation"]["uri"] for place in places} == {"l%C3%A4den/V1__x.sql"}
    told = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert "CREATE INDEX orders_code" in told["tailguard-concurrently"]["help"]["markdown"]
    assert "docs/reference/rules/concurrently.md" in told["tailguard-concurrently"]["fullDescription"]["text"]
    others = {each["ruleId"] for each in run["results"]} - {each["ruleId"] for each in ours}
    assert bool(others) is (squawk is not None)
    assert all(told[each]["helpUri"].startswith("https://squawkhq.com/") for each in others)


def test_a_clean_folder_is_a_sarif_log_without_results(tmp_path: Path, capsys) -> None:
    assert run_cli(["migrate", "lint", "--folder", str(write(tmp_path)), "--format", "sarif"]) == 0
    assert only_run(capsys.readouterr().out)["results"] == []


def test_the_shipped_migrations_pass_and_a_missing_squawk_is_said(monkeypatch, capsys) -> None:
    monkeypatch.setattr(squawk_module, "find_squawk", lambda: None)
    assert run_cli(["migrate", "lint", "--strict"]) == 0
    assert WITHOUT_SQUAWK in capsys.readouterr().err
    monkeypatch.undo()
    if squawk is not None:
        assert run_cli(["migrate", "lint", "--strict"]) == 0


def test_squawk_is_looked_for_beside_our_python_and_on_the_path(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(squawk_module.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_squawk() is None
    (tmp_path / "squawk").touch(mode=0o755)
    assert find_squawk() == str(tmp_path / "squawk")
