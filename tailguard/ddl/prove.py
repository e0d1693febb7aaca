"""The proof of a SQL file, step by step: observed, tried under load as it is written, and by the safe way beside it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.base.state import State, worst
from tailguard.ddl.growth import grown_table, growth_runs
from tailguard.ddl.load import FoundLoad, find_load
from tailguard.ddl.observe import observe
from tailguard.ddl.options import DdlOptions
from tailguard.ddl.trial import Trials
from tailguard.ddl.ways import kinds_of_actions, recognised, safe_statements
from tailguard.ddl.world import World
from tailguard.judge.proof.ddl import ddl_verdicts
from tailguard.judge.proof.holds import holds_of
from tailguard.migrations.kinds import Recognised
from tailguard.migrations.kinds.safe import NoSafeWayError, once
from tailguard.migrations.text.script import Block, Located
from tailguard.migrations.text.settings import LIMIT, LOCAL, SET
from tailguard.postgres.database import Database
from tailguard.proofs.load.own import OwnStatement
from tailguard.record.ddl import (
    DdlProof,
    DdlStep,
    Observation,
    ProvedStatement,
    SafeStatement,
    SafeWay,
    Trial,
)

log = logging.getLogger(__name__)

# A step of a few ms is mostly noise, and cheap to execute again.
FAST_S, FAST_TIMES = 0.1, 2
CONTROL = "ALTER TABLE {} ADD COLUMN tailguard_control int"


@dataclass(slots=True)
class FileProof:
    """The proof of the blocks of a file as it grows; `proof` is the part of the record that it is at each moment."""

    world: World
    blocks: Sequence[Block]
    proof: DdlProof
    options: DdlOptions = field(default_factory=DdlOptions)
    clock: Clock = field(default_factory=MonotonicClock)
    own_load: Sequence[OwnStatement] = ()
    trials: Trials = field(init=False)

    def __post_init__(self) -> None:
        self.trials = Trials(self.options, self.clock)

    def prove(self, save: Callable[[], object]) -> None:
        """Prove each step and save after it. Raises UsageError if PostgreSQL refuses a statement."""
        for number, block in enumerate(self.blocks, 1):
            with self.world.advance() as after:
                step = self._step(str(number), block, after)
            self.proof = replace(self.proof, steps=(*self.proof.steps, step))
            save()

    def break_off(self, because: str) -> None:
        """Keep why it ends here."""
        self.proof = replace(self.proof, unproved=because)

    def _step(self, number: str, block: Block, after: Database) -> DdlStep:
        log.info("step %s, line %d: what it locks", number, block.statements[0].line)
        observed = observe(after, block, self.clock)
        before = self.world.database(self.world.base)
        known = [
            recognised(before, each, seen) for each, seen in zip(block.statements, observed, strict=True)
        ]
        step = DdlStep(
            number=number,
            transaction=block.transaction,
            statements=tuple(
                ProvedStatement(
                    line=each.line, text=each.text, kind=kind.kind.slug if kind else "", observed=seen
                )
                for each, kind, seen in zip(block.statements, known, observed, strict=True)
            ),
            tables=(),
        )
        step = self._with_growth(step, block, observed)
        unused = tuple(name for kind in known if kind for name in kind.unused)
        locks = [lock for seen in observed for lock in seen.locks]
        named = [kind.parts["table"] for kind in known if kind and kind.parts.get("table")]
        found = find_load(before, after, locks, named, unused, self.own_load)
        step = replace(step, tables=found.tables, unused=unused, left_out=(*step.left_out, *found.left_out))
        if not found.tables:
            return step
        step = self._under_load(step, block, found)
        if self._state(step) is State.PASS:
            return self._with_control(step, found) if self.options.control else step
        safe = self._safe_way(block, known, observed, before)
        if safe.statements and self.options.safe:
            released = any(each.how == "release" for each in safe.statements)
            load = (
                find_load(before, after, locks, named, unused, self.own_load, released=True)
                if released
                else found
            )
            safe = replace(safe, trials=self._tried_safely(number, safe.statements, load))
        return replace(step, safe=safe)

    def _with_growth(self, step: DdlStep, block: Block, observed: list[Observation]) -> DdlStep:
        """Measure what a prediction for a larger table needs, if the step blocks anybody there."""
        table = grown_table(observed, self.proof.tables)
        blocks = any(hold.grows for hold in holds_of(step, self.proof.tables))
        if not (table and blocks and self.options.growth_runs):
            return step
        log.info("step %s: how it grows with %s", step.number, table)
        runs = self.options.growth_runs
        if sum(seen.seconds for seen in observed) < FAST_S:
            runs *= FAST_TIMES
        try:
            growth = (*growth_runs(self.world, block, table, self.clock, runs),)
        except UsageError as error:
            return replace(step, left_out=(f"no other sizes of {table} could be tried: {error}",))
        return replace(step, grows_by=table, growth=growth)

    def _under_load(self, step: DdlStep, block: Block, found: FoundLoad) -> DdlStep:
        window = f"{step.number}/baseline"
        log.info("step %s: under load, as it is written", step.number)

        def tried(run: int, database: Database) -> Trial:
            return self.trials.as_written(f"{step.number}/run_{run}", database, found.load, block)

        with self.world.copy() as database:
            baseline = self.trials.baseline(window, database, found.load)
            trials = [tried(1, database)]
        for run in range(2, self.options.trials + 1):
            with self.world.copy() as database:
                trials.append(tried(run, database))
        return replace(step, baseline=baseline, baseline_window=window, trials=tuple(trials))

    def _with_control(self, step: DdlStep, found: FoundLoad) -> DdlStep:
        """Show that the same clients would have met a stall, had there been one."""
        log.info("step %s: positive control", step.number)
        statement = Located(0, CONTROL.format(found.tables[0]))
        with self.world.copy() as database:
            name = f"{step.number}/control"
            block = Block((statement,), transaction=False)
            return replace(step, control=self.trials.as_written(name, database, found.load, block))

    def _tried_safely(
        self, number: str, statements: Sequence[SafeStatement], found: FoundLoad
    ) -> tuple[Trial, ...]:
        log.info("step %s: under load, the safe way", number)
        trials = []
        for run in range(1, self.options.safe_trials + 1):
            with self.world.copy() as database:
                trials.append(self.trials.safely(f"{number}/safe_{run}", database, found.load, statements))
        return tuple(trials)

    def _safe_way(
        self,
        block: Block,
        known: Sequence[Recognised | None],
        observed: Sequence[Observation],
        before: Database,
    ) -> SafeWay:
        """The safe ways of all statements one after another, each committed by itself."""
        found = [once(text) for text in block.settings if not LIMIT.match(text)]
        why: list[str] = []
        for statement, kind, seen in zip(block.statements, known, observed, strict=True):
            if SET.match(statement.text):
                found += [] if LIMIT.match(statement.text) else [once(LOCAL.sub("SET ", statement.text))]
                continue
            for action, each in kinds_of_actions(statement, kind, seen):
                try:
                    found += safe_statements(before, action, each)
                except NoSafeWayError as error:
                    return SafeWay(statements=(), why=str(error))
                why += [each.kind.why] if each and each.kind.why else []
        return SafeWay(statements=tuple(found), why=" ".join(dict.fromkeys(why)))

    def _state(self, step: DdlStep) -> State:
        alone = replace(self.proof, steps=(step,))
        return worst(each.state for each in ddl_verdicts(alone, self.trials.samples))
