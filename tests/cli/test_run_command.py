"""`tailguard run` as a user meets it: the installed command in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tailguard.postgres.server import Server
from tailguard.record.run import Run
from tests.support.busy_machine import earned
from tests.support.waiting import eventually

pytestmark = pytest.mark.system

TAILGUARD = Path(sys.executable).with_name("tailguard")
QUICK = [
    "--no-migrations",
    *("--set", "migrations.economy_rows=4000", "--set", "migrations.moderation_rows=1000"),
    *("--set", "load.min_samples=100", "--set", "load.max_samples=120", "--set", "load.warmup=2"),
]


def environment(**changes: str) -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAILGUARD", "PG", "DATABASE")) or name == "TAILGUARD_CONFIG"
    } | changes


def tailguard(*words: str, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TAILGUARD, *words],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "--scenario", "registraton"], "Did you mean 'registration'"),
        (["fly"], "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_users_mistake_is_named_and_ends_with_64(words: list[str], says: str, tmp_path: Path) -> None:
    done = tailguard(*words, cwd=tmp_path)
    assert done.returncode == 64
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_toml_is_named_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "tailguard.toml").write_text("[load]\nrate_per_s = = 3\n", encoding="utf-8")
    done = tailguard("run", "--config", "tailguard.toml", cwd=tmp_path)
    assert done.returncode == 64
    assert "tailguard.toml, line 2" in done.stderr


def test_an_objective_for_a_misspelt_scenario_is_an_error_before_the_run(tmp_path: Path) -> None:
    objectives = tmp_path / "mine.toml"
    shipped = Path(__file__).resolve().parents[2] / "slo" / "objectives.toml"
    objectives.write_text(
        shipped.read_text(encoding="utf-8").replace("registration", "registraton"), encoding="utf-8"
    )
    done = tailguard("run", "--objectives", str(objectives), cwd=tmp_path)
    assert done.returncode == 64
    assert "registraton" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path) -> None:
    done = tailguard("run", "--dsn", "postgresql://me:hush-hush@127.0.0.1:9/app", cwd=tmp_path)
    assert done.returncode == 64
    assert "127.0.0.1:9" in done.stderr
    assert "hush-hush" not in done.stderr + done.stdout
    assert all(
        "hush-hush" not in path.read_text(encoding="utf-8") for path in tmp_path.glob("runs/*/run.json")
    )


def test_an_unreachable_s3_is_named_without_its_key(tmp_path: Path, postgres: Server) -> None:
    done = tailguard(
        *(
            "run",
            "--scenario",
            "certificate_upload",
            "--dsn",
            postgres.dsn,
            "--s3-endpoint",
            "http://127.0.0.1:9",
        ),
        cwd=tmp_path,
        AWS_ACCESS_KEY_ID="somebody",
        AWS_SECRET_ACCESS_KEY="hush-hush",
    )
    assert done.returncode == 64
    assert "127.0.0.1:9" in done.stderr
    assert "hush-hush" not in done.stderr


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, not a folder", encoding="utf-8")
    done = tailguard("run", cwd=tmp_path)
    assert done.returncode == 64
    assert "runs" in done.stderr


def test_a_short_run_writes_record_samples_and_reports_in_any_locale(
    tmp_path: Path, postgres: Server
) -> None:
    done = tailguard(
        "run", "--scenario", "registration", "--dsn", postgres.dsn, *QUICK, cwd=tmp_path, LC_ALL="C", LANG="C"
    )
    assert done.returncode in {0, 65, 75}, done.stderr
    folder = tmp_path / "runs" / "latest"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["ended"] == "complete"
    assert record["exit_code"] == done.returncode
    assert {path.name for path in folder.iterdir()} >= {
        "run.json",
        "samples.parquet",
        "report.html",
        "run.md",
    }
    assert str(Path("runs")) in done.stdout
    password = postgres.dsn.split(":")[2].split("@")[0]
    assert password not in (folder / "run.json").read_text(encoding="utf-8") + done.stdout + done.stderr


def test_a_schema_of_ours_is_gone_from_a_users_database_after_the_run(
    tmp_path: Path, postgres: Server
) -> None:
    import psycopg

    tailguard("run", "--scenario", "registration", "--dsn", postgres.dsn, *QUICK, cwd=tmp_path)
    with psycopg.connect(postgres.dsn) as connection:
        left = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tailguard%'"
        ).fetchall()
    assert left == []


def test_a_limit_below_what_is_measured_ends_with_99(tmp_path: Path, postgres: Server) -> None:
    objectives = tmp_path / "strict.toml"
    shipped = Path(__file__).resolve().parents[2] / "slo" / "objectives.toml"
    objectives.write_text(
        shipped.read_text(encoding="utf-8").replace("215", "0.001").replace("300", "0.001"), encoding="utf-8"
    )
    done = tailguard(
        *(
            "run",
            "--scenario",
            "registration",
            "--objectives",
            str(objectives),
            "--dsn",
            postgres.dsn,
            *QUICK,
        ),
        cwd=tmp_path,
    )
    record = Run.load("latest", tmp_path / "runs").record
    assert earned(done.returncode, record) == 99, done.stderr + done.stdout


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Start a run with servers of its own, and end it whatever the test does."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        endless = ["load.max_seconds=60", "load.max_samples=100000", "load.min_samples=50000"]
        words = ["run", "--no-migrations", "--scenario", "registration", "--scenario", "websocket_broadcast"]
        process = subprocess.Popen(
            [TAILGUARD, *words, *(word for each in endless for word in ("--set", each))],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def family_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def measuring(folder: Path) -> bool:
    path = folder / "runs" / "latest" / "samples.parquet"
    return path.exists()


def test_ctrl_c_saves_what_was_measured_and_leaves_nothing_behind(
    started: Callable[[], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    process = started()
    assert eventually(lambda: measuring(tmp_path))
    family = family_of(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    record = json.loads((tmp_path / "runs" / "latest" / "run.json").read_text(encoding="utf-8"))
    assert record["ended"] == "interrupted"
    assert record["scenarios"]["registration"]["counts"]["ok"] > 0
    assert eventually(
        lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)
    )


def test_kill_9_leaves_no_process_port_or_folder(
    started: Callable[[], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    process = started()
    assert eventually(lambda: measuring(tmp_path))
    family = family_of(process)
    ports = {
        c.laddr.port for each in family for c in each.net_connections("tcp") if c.status == psutil.CONN_LISTEN
    }
    folders = {Path(word) for each in family for word in each.cmdline() if "tailguard-postgres-" in word}
    assert ports
    assert folders
    process.kill()
    assert eventually(
        lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)
    )
    assert not any(folder.exists() for folder in folders)
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def uncovered() -> dict[str, str]:
    """The environment without the one who counts lines: its file would be cut off by the full disk, too."""
    return {name: value for name, value in environment().items() if not name.startswith("COVERAGE")}


def test_a_disk_that_fills_is_named_and_what_was_saved_stays(tmp_path: Path, postgres: Server) -> None:
    """RLIMIT_FSIZE stands for the full disk: writes beyond it fail with an error of the system."""
    done = subprocess.run(
        [*("/bin/sh", "-c", 'ulimit -f 100; trap "" XFSZ; exec "$@"', "sh"),
         *(TAILGUARD, "run", "--scenario", "registration", "--dsn", postgres.dsn), *QUICK],
        cwd=tmp_path, env=uncovered(), capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 64, done.stderr
    assert "runs" in done.stderr
    assert "Traceback" not in done.stderr
    record = json.loads((tmp_path / "runs" / "latest" / "run.json").read_text(encoding="utf-8"))
    assert record["scenarios"]["registration"]["counts"]["ok"] > 0


def test_a_database_that_is_killed_in_mid_run_ends_with_65_and_the_samples_before_it(
    started: Callable[[], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    process = started()
    assert eventually(lambda: measuring(tmp_path))
    servers = [each for each in family_of(process) if each.name() == "postgres" and "-D" in each.cmdline()]
    assert servers
    servers[0].kill()
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 65, errors
    assert "Traceback" not in errors
    record = json.loads((tmp_path / "runs" / "latest" / "run.json").read_text(encoding="utf-8"))
    assert "database" in record["because"]
    assert record["scenarios"]["registration"]["counts"]["ok"] > 0
