"""What a user asked for on the command line, as a plan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.bench.commands import NONE, Command, commands_of, scanned, shell_for
from tailguard.bench.execution import Environment
from tailguard.bench.session import Aside, Plan
from tailguard.compare.bench_comparison import STEP
from tailguard.compare.comparison import ALPHA
from tailguard.compare.gate import fewest_pairs
from tailguard.judge.objective import DEFAULT_FLOOR_MS, parse_share, parse_stated
from tailguard.judge.objectives import parse_objectives
from tailguard.record.objective import Margin, Margins, Objectives

if TYPE_CHECKING:
    from tailguard.record.part import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of `tailguard bench`, as its help says them."""

    commands: Sequence[str]
    lists: Sequence[tuple[str, str]]
    scans: Sequence[tuple[str, str, str]]
    step: str
    names: Sequence[str]
    reference: str
    warmup: int
    runs: int | None
    min_runs: int
    max_runs: int
    minutes: float
    setup: str
    prepare: str
    conclude: str
    cleanup: str
    shell: str
    no_shell: bool
    given: str | None
    show_output: bool
    timeout: float | None
    ignore_failure: bool
    objectives: Sequence[str]
    delta: str

    def plan(self) -> Plan:
        """Return the plan. Raises UsageError for what cannot be."""
        commands = commands_of(self.commands, self.names, dict(self._parameters()), self.reference)
        rounds, fewest = self.runs or self.max_runs, self.runs or min(self.min_runs, self.max_runs)
        compared = sum(bool(each.baseline) for each in commands)
        if compared and rounds < (needed := fewest_pairs(compared, ALPHA)):
            raise UsageError(
                f"{rounds} runs: to find one of {compared} commands slower takes {needed} runs at least. Give --runs "
                f"{needed} or more."
            )
        objectives = objectives_of(self.objectives, commands)
        if objectives and objectives.unasked:
            rounds = fewest  # no number of runs would decide anything
        return Plan(
            commands=commands,
            around=Environment(
                shell=shell_for(commands, NONE if self.no_shell else self.shell),
                input=Path(self.given) if self.given else None,
                shows_output=self.show_output,
                timeout_s=self.timeout,
                ignores_failure=self.ignore_failure,
            ),
            aside=Aside(self.setup, self.prepare, self.conclude, self.cleanup),
            margins=Margins(
                quantiles=(Margin(q=0.5, most=parse_share(self.delta)),), floor_ms=DEFAULT_FLOOR_MS
            ),
            objectives=objectives,
            warmup=self.warmup,
            rounds=rounds,
            fewest=fewest,
            seconds=self.minutes * 60,
        )

    def _parameters(self) -> Iterator[tuple[str, Sequence[str]]]:
        for name, values in self.lists:
            yield name, values.split(",")
        for name, least, most in self.scans:
            yield name, scanned(name, least, most, self.step)


def objectives_of(texts: Sequence[str], commands: Sequence[Command]) -> Objectives | None:
    """Return the limits of the commands that they name, or of all; None if commands are compared and no limit is given.

    A lone command without a limit has the error rate that every scenario has, so that its answer is "nothing to judge".
    Raises UsageError for a limit that does not parse, that is not of a time, or that names no command.
    """
    tables: dict[str, dict[str, Json]] = {}
    for text in texts:
        stated = parse_stated(text)
        named = [each.name for each in commands if stated.name in ("", each.name)]
        if not named:
            known = ", ".join(each.name for each in commands)
            raise UsageError(
                f"objective {text!r}: there is no command {stated.name!r}. The commands: {known}."
            )
        if stated.metric != "latency":
            raise UsageError(
                f"objective {text!r}: a command that fails ends the benchmark. Limit a time: 'p95 <= 200ms'."
            )
        for name in named:
            tables.setdefault(name, {"step": STEP})[stated.key] = stated.bound
    unasked = () if tables or len(commands) > 1 else (commands[0].name,)
    tables |= {name: {"step": STEP, "error_rate": "< 1%"} for name in unasked}
    if not tables:
        return None
    found = parse_objectives({"defaults": {"dependence": "independent"}, "scenarios": {**tables}})
    return replace(found, unasked=unasked)
