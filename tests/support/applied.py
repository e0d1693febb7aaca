"""A file on a real server whose plan is kept already, so that no copy has to be rehearsed on."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailguard.ddl.apply.runner import FileRunner
from tailguard.ddl.apply.steps import Step, Steps
from tailguard.migrations.limits import Limits
from tailguard.postgres.database import Database
from tests.support.migration_world import PATIENCE_S, open_transaction
from tests.support.waiting import eventually

ROWS = 5000
OURS = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'tailguard migrate'"
BUSY = OURS + " AND wait_event_type = 'Lock'"
TABLES = f"""
CREATE TABLE orders (id bigint PRIMARY KEY, note text, amount int NOT NULL DEFAULT 0);
INSERT INTO orders SELECT n, 'note', n FROM generate_series(1, {ROWS}) n;
CREATE TABLE events (id bigint PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE events_first PARTITION OF events FOR VALUES FROM (0) TO (5000);
CREATE INDEX orders_old ON orders (note);
"""


@dataclass
class AppliedWorld:
    """A file whose plan is kept already, so that no copy has to be rehearsed on."""

    database: Database
    path: Path
    steps: Steps

    def runner(self, **limits: Any) -> FileRunner:
        limits = {"deadline_s": PATIENCE_S, "wait_s": PATIENCE_S, "old_transaction_s": 60.0} | limits
        return FileRunner(self.database, self.steps, Limits(**limits))

    def up(self, **limits: Any) -> list[str]:
        return [*self.runner(**limits).up(list, released=False)]

    def ask(self, query: str) -> Any:
        with self.database.connect() as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchone() if cursor.description else None

    @contextmanager
    def killed(self, held_by: str, busy: str) -> Iterator[None]:
        """Kill the command while somebody holds it up, and wait until the server has noticed."""
        command = [sys.executable, "-m", "tailguard", "migrate", "up", str(self.path)]
        place = [
            "--dsn",
            self.database.conninfo,
            "--schema",
            self.database.schema,
            "--old-transaction",
            "600",
        ]
        with open_transaction(self.database, held_by) as holder:
            process = subprocess.Popen([*command, *place], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                eventually(lambda: process.poll() is not None or self.ask(busy))
                assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]
            finally:
                process.kill()
                process.communicate()
            eventually(lambda: self.ask(OURS) is None)
            yield
            holder.rollback()


def planned(database: Database, folder: Path, *texts: str) -> AppliedWorld:
    """Write a file and keep these steps as its plan."""
    path = folder / "change.sql"
    path.write_text("-- what the steps below were planned of\nSELECT 1;\n", encoding="utf-8")
    steps = Steps(database.schema, path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    found = [Step(number=n, how=_how(text), text=text) for n, text in enumerate(texts, 1)]
    with database.connect() as connection:
        steps.open(connection)
        steps.keep(connection, found)
    return AppliedWorld(database, path, steps)


def _how(text: str) -> Any:
    return "once" if any(word in text for word in ("CONCURRENTLY", "VALIDATE", "DO $", "CALL")) else "retry"
