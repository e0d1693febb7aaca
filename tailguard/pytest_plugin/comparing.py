"""A test's call against a commit: the test is played in each side's tree, in pairs of fresh processes."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tailguard.base.errors import InvalidRunError, UsageError
from tailguard.compare.verdicts import verdicts_of
from tailguard.config.merge import Config, load_config
from tailguard.config.suite_table import SuiteTable
from tailguard.duet.blocks import BlockError, Side
from tailguard.duet.session import DuetExecution
from tailguard.duet.shared_servers import NO_SERVERS, SIDES, SharedServers
from tailguard.duet.side_spec import SideSpec
from tailguard.duet.sides import CodeSide, Instrument, copied_product, new_folder
from tailguard.duet.sources import (
    changed_files,
    lay_over,
    lock_hash,
    resolve_ref,
    snapshot,
    top_level,
    unpack_ref,
    working_tree,
)
from tailguard.judge.objective import DEFAULT_MARGINS
from tailguard.judge.objectives.configured import stated_objectives
from tailguard.pytest_plugin.question import STEP, Answer, Question
from tailguard.record.doubt import Doubt
from tailguard.record.duet import Budget
from tailguard.record.environment import Placement
from tailguard.record.objective import Margins
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.verdict import ChangeVerdict, ObjectiveVerdict
from tailguard.suite.scenario import Limits
from tailguard.trust.suite_doubts import other_requirements

PROFILE = "compare"
PAIRS = 40
# A call may be far shorter than any change in ms that a service's users feel: shares of its own time alone count.
MARGINS = Margins(quantiles=DEFAULT_MARGINS.quantiles, floor_ms=0.0)
# A side's files of objectives and profiles say nothing of one test.
NO_FILE = SuiteTable(Path())
TESTS = ("tests", "test")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One test that compares.

    Attributes:
        top: of the repository that the test's file is in; what follows lies below it.
        own: what both sides have from the work tree: the test's file or the folder of tests around it, and what pytest
            reads beside it.
        place: where pytest was started.
        words: what pytest is given.
    """

    question: Question
    top: Path
    own: tuple[Path, ...]
    place: Path
    words: tuple[str, ...]

    @classmethod
    def of(cls, question: Question, item: pytest.Item) -> "Comparison":
        """Return the comparison that a test asks for. Raises UsageError for what cannot be compared."""
        ref, top = question.stated.compare, top_level(item.path.parent)
        if top is None:
            raise UsageError(
                f"{item.path} is not in a git repository, so there is no {ref!r} to compare with: put the project into "
                "git, or state limits instead"
            )
        resolve_ref(ref, top)
        start, ini = item.config.invocation_params.dir, item.config.inipath
        place = start.relative_to(top) if start.is_relative_to(top) else Path()
        own = _own_files(item.path.relative_to(top))
        own += [ini.relative_to(top)] if ini is not None and ini.is_relative_to(top) else []
        node = f"{item.path}::{item.nodeid.partition('::')[2]}"
        found = cls(question, top, tuple(own), place, (*_options(item.config), node))
        found.refuse_changes()
        return found

    def refuse_changes(self) -> None:
        """Raise UsageError if code differs from its commit: the verdict would be on neither."""
        changed = [
            path
            for path in changed_files(self.top)
            if not any(path.is_relative_to(each) for each in self.own)
        ]
        if changed:
            more = f" and {len(changed) - 1} more" if changed[1:] else ""
            raise UsageError(
                f"{changed[0]}{more} differs from its commit, and compare={self.question.stated.compare!r} compares "
                "commits: commit or stash it. `tailguard duet FILE --baseline-ref REF` compares the work tree as it is"
            )

    def answer(
        self, config: Config, command: Sequence[str], beside: Iterable[Doubt], folders: list[Path]
    ) -> Answer:
        """Measure until it is decided, and judge it; it is a run of its own, whose folder is added to `folders`.

        Raises:
            KeyboardInterrupt: interrupted, and what was measured is saved and judged.
            UsageError: a side cannot play the test.
            InvalidRunError: it is not a side's code that is called, or neither side can be measured.
        """
        stated, doubts = self.question.stated, [*beside]
        flags = {"scenarios": [self.question.name], "runs_dir": config.runs_dir, "placement.pin": False}
        config = load_config(PROFILE, flags={**flags, "seed": config.seed}, environ={}, suite=NO_FILE)
        specs = dict(zip(SIDES, (SideSpec(ref=stated.compare), SideSpec()), strict=True))
        budget = Budget(pairs=PAIRS, minutes=stated.minutes)
        opening = partial(self._open, config, doubts)
        try:
            run = DuetExecution(config, specs, MARGINS, budget, opening).perform(command)
        except BlockError as error:
            raise _of_side(error) from None
        run.put_doubts([*run.record.doubts, *doubts])
        answer = self._judged(run, config)
        folders.append(run.folder)
        if run.record.ended is Ended.INTERRUPTED:
            raise KeyboardInterrupt
        return answer

    def _judged(self, run: Run, config: Config) -> Answer:
        """Judge the change, and the candidate by the error rate of every test: nothing is gained if both fail."""
        objectives = stated_objectives(config, self.question.name, (STEP,), Limits())
        run.put_verdicts((), objectives)
        found = verdicts_of(run)
        run.put_verdicts(found)
        run.put_exit_code(run.record.deserved_exit_code)
        run.save()
        verdicts = tuple(each for each in found if isinstance(each, ChangeVerdict | ObjectiveVerdict))
        return Answer(verdicts, run.record.doubts, {}, run.folder)

    def _open(
        self, config: Config, doubts: list[Doubt], stack: ExitStack, placement: Placement, identity: str
    ) -> tuple[list[Side], SharedServers]:
        candidate = snapshot(working_tree(self.top), new_folder("candidate", stack))
        baseline = unpack_ref(self.question.stated.compare, self.top, new_folder("baseline", stack))
        if lock_hash(candidate.folder) != lock_hash(baseline.folder):
            doubts.append(other_requirements())
        lay_over(baseline.folder, candidate.folder, self.own)
        product, own = copied_product(stack), tuple(map(str, self.own))
        instrument = Instrument(product, product / "tailguard.toml", own, self.top, self.place)
        python = Path(sys.executable)
        sides = [
            CodeSide(
                name, SideSpec(), source, python, instrument, self._command(instrument, source.folder)
            ).ready(config, NO_SERVERS, placement, identity)
            for name, source in zip(SIDES, (baseline, candidate), strict=True)
        ]
        return sides, NO_SERVERS

    def _command(self, instrument: Instrument, folder: Path) -> tuple[str, ...]:
        """Return what a side's Python runs; a path into the project leads into the side's folder instead."""
        block = instrument.product / "tailguard" / "pytest_plugin" / "block.py"
        words = [word.replace(str(self.top), str(folder)) for word in self.words]
        return (str(block), str(self.question.calls), str(folder / self.place), *words)


def _of_side(error: BlockError) -> UsageError | InvalidRunError:
    if error.exit_code != UsageError.exit_code:
        return InvalidRunError(str(error))
    return UsageError(
        f"{error}\nBoth sides play the tests of your work tree, and bring all else themselves: compare with a commit "
        "that has what the test needs."
    )


def _own_files(test: Path) -> list[Path]:
    """Return the test's file, or the topmost folder of tests around it, and the conftest.py of each folder above."""
    folders = list(test.parents)
    around = [folder for folder in folders if folder.name in TESTS]
    return [around[-1] if around else test, *(folder / "conftest.py" for folder in folders)]


def _options(config: pytest.Config) -> list[str]:
    """Return the options that pytest was given, in a process that plays one test and no other."""
    started_by = getattr(config, "workerinput", {}).get("mainargv")  # of a worker of pytest-xdist
    given = started_by[1:] if started_by else config.invocation_params.args
    options = [str(word) for word in given if str(word) not in config.args]
    alone = {"xdist": "-n0", "pytest_cov": "--no-cov"}
    options += [word for plugin, word in alone.items() if config.pluginmanager.hasplugin(plugin)]
    return [*options, "-m", "", "-k", ""]
