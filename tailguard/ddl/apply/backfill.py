"""A backfill in short transactions, each of which also says how far it is: one that was stopped goes on from there."""

from dataclasses import dataclass

from tailguard.base.text_format import ratio
from tailguard.ddl.apply.session import StepSession
from tailguard.ddl.apply.steps import Step
from tailguard.migrations.blockers import Progress
from tailguard.migrations.kinds.safe import BATCH_PAUSE_S, BATCH_ROWS, Batches


@dataclass(frozen=True, slots=True)
class Backfill:
    """The batches of one step."""

    session: StepSession
    batches: Batches

    def run(self, step: Step) -> None:
        """Do the batches that are not done. Raises MigrationStoppedError if the time for waiting is over."""
        session, began_ns = self.session, self.session.clock.now_ns()
        if step.until is None and not self._begin(step):
            return
        now = self._read(step)
        first = now.reached
        while not now.done:
            session.patiently(step, lambda: self._batch(step))
            now = self._read(step)
            self._tell(now, first, (session.clock.now_ns() - began_ns) / 1e9)
            session.clock.sleep_until_ns(session.clock.now_ns() + int(BATCH_PAUSE_S * 1e9))

    def _begin(self, step: Step) -> bool:
        """Write the first and the last key down; rows that come later need no backfill. False if there is none."""
        low, high = self._ask(
            f"SELECT min({self.batches.key}), max({self.batches.key}) FROM {self.batches.table}", step
        )
        if low is None or high is None:
            self.session.steps.end(self.session.connection, step)
            return False
        self.session.steps.begin(self.session.connection, step, (low, high))
        return True

    def _batch(self, step: Step) -> None:
        """Update one batch. If it was the last one, the step is done."""
        session, of = self.session, self.batches
        with session.connection.transaction():
            session.limit_waiting(Step(number=step.number, how="retry", text=""))
            now = session.steps.lock(session.connection, step)
            if now.done:
                return
            assert now.reached is not None and now.until is not None  # noqa: PT018  # written by _begin
            keys = f"{of.key} >= {now.reached} AND {of.key} <= "
            within = f"SELECT {of.key} FROM {of.table} WHERE {keys}{now.until} ORDER BY {of.key} LIMIT {BATCH_ROWS}"
            (upto,) = self._ask(f"SELECT max({of.key}) FROM ({within}) AS batch", step)
            if upto is None:
                session.steps.end(session.connection, step)
                return
            session.execute(step, f"UPDATE {of.table} SET {of.changes} WHERE {keys}{upto}{of.also}")
            session.steps.reach(session.connection, step, upto + 1)

    def _ask(self, query: str, step: Step) -> tuple[int | None, ...]:
        with self.session.as_the_file(step):
            row: tuple[int | None, ...] | None = self.session.connection.execute(query.encode()).fetchone()
        assert row is not None  # an aggregate always has a row
        return row

    def _read(self, step: Step) -> Step:
        found = self.session.steps.read(self.session.connection)
        return next(each for each in found if each.number == step.number)

    def _tell(self, now: Step, first: int | None, elapsed_s: float) -> None:
        if self.session.on_progress is None or now.reached is None or now.until is None or first is None:
            return
        share = min((now.reached - first) / max(now.until + 1 - first, 1), 1.0)
        self.session.on_progress(Progress(elapsed_s, f"backfill: {ratio(round(share, 1))}", 0, 0, ()))
